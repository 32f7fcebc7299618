// The accepting side of many links, like the scheduler's: sessions by id, each with its link.

import { awaitHello, refuse, welcome, type Refusal } from "../../../src/link/accept.ts";
import type { Clock } from "../../../src/link/clock.ts";
import { limits } from "../../../src/wire/limits.ts";
import { Link } from "../../../src/link/link.ts";
import { PROTOCOL_VERSION, type Hello } from "../../../src/wire/protocol.ts";
import type { Socket } from "../../../src/link/socket.ts";

export type Note = { type: string; n?: number };

export const clientHello = {
  type: "hello",
  protocol: PROTOCOL_VERSION,
  id: "c1",
  received: 0,
  role: "client",
  name: "driver",
};

export class AcceptingSide {
  readonly links = new Map<string, Link<Note, Note>>();
  readonly hellos: Hello[] = [];
  readonly heard: Note[] = [];
  readonly ends: (Error | undefined)[] = [];
  readonly refusals: Refusal[] = [];
  readonly sockets: Socket[] = [];
  /** Called for every hello; an answer refuses it. */
  refusal: (hello: Hello) => Refusal | undefined = () => undefined;
  onWelcome: (link: Link<Note, Note>) => void = () => {};
  readonly #clock: Clock | undefined;
  readonly #graceMs: number;

  constructor(options: { clock?: Clock; graceMs?: number } = {}) {
    this.#clock = options.clock;
    this.#graceMs = options.graceMs ?? 10_000;
  }

  async accept(socket: Socket): Promise<void> {
    const clock = this.#clock && { clock: this.#clock };
    this.sockets.push(socket);
    const hello = await awaitHello(socket, {
      ...clock,
      timeoutMs: 1_000,
      onRefused: (refusal) => this.refusals.push(refusal),
    });
    if (hello === undefined) return;
    this.hellos.push(hello);
    const refusal = this.refusal(hello);
    if (refusal !== undefined) {
      refuse(socket, refusal.code, refusal.message);
      return;
    }
    const known = this.links.get(hello.id);
    const resumed = hello.resumes === "s1" && (known?.canResume(hello.received) ?? false);
    const link =
      resumed && known
        ? known
        : new Link<Note, Note>({
            check: (value) => value as Note,
            heartbeatMs: 1_000,
            ...clock,
            on: {
              messages: (batch) => this.heard.push(...batch),
              down() {},
              ended: (error) => this.ends.push(error),
            },
          });
    if (!resumed) void known?.close();
    this.links.set(hello.id, link);
    welcome(socket, {
      scheduler: "s1",
      resumed,
      received: link.received,
      heartbeatMs: 1_000,
      graceMs: this.#graceMs,
      smallResultBytes: 65_536,
      frameBytes: limits.frameBytes,
    });
    link.attach(socket, resumed ? hello.received : 0);
    this.onWelcome(link);
  }
}
