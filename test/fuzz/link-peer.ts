// A peer that begins well and then says what it likes: joins as a client or a worker, sends frames of
// which many are spoiled, is cut off or drops by itself, and comes back as itself or as another.

import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import type { Sessions } from "../../scheduler/sessions.ts";
import type { SocketData } from "../../src/link/socket.ts";
import { checkToClient, checkToWorker, checkWelcome } from "../../src/wire/check.ts";
import { readFrame } from "../../src/wire/frame.ts";
import { fromClient, fromWorker, workerHello, type Seen } from "./link-messages.ts";
import { FuzzSocket } from "./fuzz-socket.ts";
import { encoded, spoiled, type Draft } from "./mutations.ts";
import type { Random } from "../processes/random.ts";

/** What all fuzzed peers together have done and met. */
export type Tally = {
  frames: number;
  spoiled: number;
  welcomed: number;
  resumed: number;
  refused: number;
  /** By close code. */
  cutOff: Record<number, number>;
  /** What was said to the peers that the schemas of its own side do not allow. */
  malformed: string[];
};

export function newTally(): Tally {
  const counts = { frames: 0, spoiled: 0, welcomed: 0, resumed: 0, refused: 0 };
  return { ...counts, cutOff: {}, malformed: [] };
}

export class FuzzPeer {
  readonly #role: "client" | "worker";
  readonly #random: Random;
  readonly #sessions: Sessions;
  readonly #tally: Tally;
  readonly #name: string;
  readonly #spoils: number;
  #minted = 0;
  #id = "";
  #scheduler: string | undefined;
  #socket: FuzzSocket | undefined;
  #welcomed = false;
  /** Messages received in this session. */
  #received = 0;
  #seen: Seen[] = [];

  /** @param spoils the share of its frames that it spoils: who spoils few is heard for longer */
  constructor(
    role: "client" | "worker",
    { name, spoils }: { name: string; spoils: number },
    world: { random: Random; sessions: Sessions; tally: Tally },
  ) {
    this.#role = role;
    this.#name = name;
    this.#spoils = spoils;
    this.#random = world.random;
    this.#sessions = world.sessions;
    this.#tally = world.tally;
  }

  /** One frame, or a connection when there is none. */
  act(): void {
    const random = this.#random;
    if (this.#socket?.open !== true) this.#connect();
    else if (!this.#welcomed) this.#say(false);
    else if (random.chance(0.01)) this.#socket.drop(random.pick([1006, 1001, 4000, 4002]));
    else this.#say(random.chance(this.#spoils));
  }

  leave(): void {
    this.#socket?.drop(4000);
  }

  #connect(): void {
    const random = this.#random;
    const isNew = this.#id === "" || random.chance(0.4);
    if (isNew) {
      this.#id = `${this.#name}-${this.#minted++}`;
      this.#received = 0;
      this.#seen = [];
      this.#scheduler = undefined;
    }
    this.#welcomed = false;
    const socket = new FuzzSocket(
      (data) => this.#hear(data),
      (code) => {
        if (code !== undefined && this.#welcomed) {
          this.#tally.cutOff[code] = (this.#tally.cutOff[code] ?? 0) + 1;
        }
      },
    );
    this.#socket = socket;
    this.#sessions.accept(socket, "a fuzzed peer", "full");
    const facts =
      this.#role === "worker"
        ? workerHello(random)
        : {
            type: "hello",
            protocol: PROTOCOL_VERSION,
            role: "client",
            name: random.pick(["c", "constructor"]),
          };
    const received = random.chance(0.8) ? this.#received : random.below(20);
    const hello = {
      ...facts,
      id: this.#id,
      received,
      ...(this.#scheduler !== undefined && { resumes: this.#scheduler }),
    };
    this.#tally.frames += 1;
    if (random.chance(0.8)) socket.deliver(JSON.stringify(hello));
    else {
      const draft: Draft = { array: [hello], parts: [] };
      const text = spoiled(draft, random);
      socket.deliver(typeof text === "string" && text.length > 2 ? text.slice(1, -1) : text);
    }
  }

  #say(spoil: boolean): void {
    const random = this.#random;
    const said = random.several(1, 3, () =>
      this.#role === "client" ? fromClient(random) : fromWorker(random, this.#seen),
    );
    let parts = 0;
    for (const each of said) {
      // Each refers to parts from its own first one on.
      const shift = parts;
      const payloads = each.message as { args?: unknown[]; values?: unknown[] };
      for (const payload of [...(payloads.args ?? []), ...(payloads.values ?? [])]) {
        if (typeof payload === "object") (payload as { first: number }).first += shift;
      }
      parts += each.parts;
    }
    const draft: Draft = {
      array: [this.#received, ...said.map(({ message }) => message)],
      parts: Array.from({ length: parts }, () => new Uint8Array(random.below(12))),
    };
    this.#tally.frames += 1;
    if (spoil) this.#tally.spoiled += 1;
    this.#socket?.deliver(spoil ? spoiled(draft, random) : encoded(draft));
  }

  #hear(data: SocketData): void {
    try {
      if (this.#welcomed) this.#hearFrame(data);
      else this.#hearAnswer(data);
    } catch (error) {
      this.#tally.malformed.push(`${String(error)}: ${String(data).slice(0, 300)}`);
    }
  }

  #hearAnswer(data: SocketData): void {
    const answer = checkWelcome(JSON.parse(data as string));
    if (answer.type === "refused") {
      this.#tally.refused += 1;
      return;
    }
    this.#welcomed = true;
    this.#tally.welcomed += 1;
    if (answer.resumed) this.#tally.resumed += 1;
    else {
      this.#received = 0;
      this.#seen = [];
    }
    this.#scheduler = answer.scheduler;
  }

  #hearFrame(data: SocketData): void {
    const { messages, parts } = readFrame(data);
    this.#received += messages.length;
    for (const message of messages) {
      if (this.#role === "client") {
        checkToClient(message, parts);
        continue;
      }
      const checked = checkToWorker(message, parts);
      if (checked.type !== "run") continue;
      checked.keys.forEach((key, index) => {
        this.#seen.push({ key, attempt: checked.attempts[index]! });
      });
      this.#seen.splice(0, this.#seen.length - 12);
    }
  }
}
