// A peer on a connection for values: asks for some and sends some, well or badly, reads what it gets or does
// not, and vanishes in the middle.

import type { Socket } from "../../src/link/socket.ts";
import { readAnswered, type Want } from "../../src/transfer/messages.ts";
import type { Random } from "../processes/random.ts";
import { FuzzSocket } from "./fuzz-socket.ts";
import type { Tally } from "./link-peer.ts";
import { spoiled } from "./mutations.ts";

/** Where values are served: a worker, or the scheduler, which passes them on. */
export type Target = {
  accept(socket: Socket): void;
  /** Values that are there. */
  readonly wants: readonly Want[];
  /** The addresses of workers, for the scheduler. */
  readonly to: readonly string[];
};

const oddCounts = [0, 1, 2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53, 1e300, -1, 0.5];

export class TransferPeer {
  readonly #random: Random;
  readonly #target: Target;
  readonly #tally: Tally;
  readonly #spoils: number;
  #socket: FuzzSocket | undefined;
  #asked = 0;
  /** Values of which bytes are to follow, and how many. */
  readonly #sending = new Map<number, number>();

  constructor(target: Target, spoils: number, world: { random: Random; tally: Tally }) {
    this.#target = target;
    this.#spoils = spoils;
    this.#random = world.random;
    this.#tally = world.tally;
  }

  act(): void {
    const random = this.#random;
    if (this.#socket?.open !== true) return this.#connect();
    if (random.chance(0.01)) return this.#socket.drop(random.pick([1006, 1001, 4000, 1000]));
    this.#tally.frames += 1;
    if (random.chance(this.#spoils)) {
      this.#tally.spoiled += 1;
      const draft = { array: [this.#message()], parts: [] };
      const data = spoiled(draft, random);
      this.#socket.deliver(typeof data === "string" && data.length > 2 ? data.slice(1, -1) : data);
    } else if (this.#sending.size > 0 && random.chance(0.5)) {
      this.#sendBytes();
    } else {
      this.#socket.deliver(JSON.stringify(this.#message()));
    }
  }

  leave(): void {
    this.#socket?.drop();
  }

  #connect(): void {
    this.#asked = 0;
    this.#sending.clear();
    this.#tally.welcomed += 1;
    this.#socket = new FuzzSocket(
      (data) => {
        if (typeof data !== "string") return;
        try {
          readAnswered(data);
        } catch (error) {
          this.#tally.malformed.push(`${String(error)}: ${data.slice(0, 300)}`);
        }
      },
      (code = 1006) => {
        this.#tally.cutOff[code] = (this.#tally.cutOff[code] ?? 0) + 1;
      },
    );
    this.#target.accept(this.#socket);
  }

  /** The id of an earlier value, or of none. */
  #anyId(): number {
    return 1 + this.#random.below(this.#asked + 2);
  }

  #want(): Want {
    const random = this.#random;
    const { wants } = this.#target;
    const known = random.pick(wants);
    if (random.chance(0.6)) return known;
    const key = random.pick([known.key, "nowhere", "__proto__", "k1"]);
    return { key, order: random.below(30), attempt: 1 + random.below(2) };
  }

  #message(): object {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
      case 1:
        return {
          type: "get",
          id: random.chance(0.97) ? ++this.#asked : this.#anyId(),
          ...this.#want(),
        };
      case 2:
      case 3: {
        const id = random.chance(0.97) ? ++this.#asked : this.#anyId();
        const shape = this.#shape(id);
        const { to } = this.#target;
        const where = random.chance(0.8) && to.length > 0 ? { to: random.pick(to) } : {};
        return {
          type: "put",
          id,
          ...this.#want(),
          key: `put-${random.below(20)}`,
          shape,
          ...where,
        };
      }
      case 4:
        return { type: "stop", id: this.#anyId() };
      case 5:
        return { type: "credit", id: this.#anyId(), bytes: random.pick([0, 1, 100_000, 1e9]) };
      default:
        return { type: "chunk", id: this.#anyId() };
    }
  }

  #shape(id: number): object {
    const random = this.#random;
    if (random.chance(0.2)) return { text: random.pick(["1", "", "\ud800", "[1,2]"]) };
    if (random.chance(0.03)) {
      return {
        head: random.pick(oddCounts),
        parts: random.several(0, 3, () => random.pick(oddCounts)),
      };
    }
    const head = random.below(100);
    const parts = random.several(0, 3, () => random.below(random.chance(0.1) ? 100_000 : 500));
    this.#sending.set(
      id,
      parts.reduce((sum, bytes) => sum + bytes, head),
    );
    return { head, parts };
  }

  #sendBytes(): void {
    const random = this.#random;
    const [id, left] = random.pick([...this.#sending]);
    this.#socket!.deliver(JSON.stringify({ type: "chunk", id }));
    const whole = random.chance(0.6);
    const bytes = whole ? left : random.below(left + (random.chance(0.03) ? 10 : 1));
    this.#sending.delete(id);
    if (bytes < left) this.#sending.set(id, left - bytes);
    // A head of a value is text: some of it is UTF-8, and some is not.
    this.#socket!.deliver(new Uint8Array(bytes).fill(random.pick([0x20, 0x31, 0xff])));
  }
}
