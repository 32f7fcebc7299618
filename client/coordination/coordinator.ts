// A client's requests to the locks, semaphores, events, queues and variables of its scheduler: each
// is answered once, under its id. Whoever stops waiting gives back what may be on its way to him.

import { SerializationError, TimeoutError } from "../../src/errors/errors.ts";
import { errorOf } from "../../src/errors/failure.ts";
import { decode } from "../../src/payload/payload.ts";
import type { FromClient, ToClient } from "../../src/wire/protocol.ts";
import { limits as bounds } from "../../src/wire/limits.ts";
import { encodeFor, Future } from "../future.ts";
import type { Session } from "../session.ts";
import { longestTimerMs } from "../../src/duration.ts";
import { checkedTimeout } from "../option-checks.ts";
import type { WaitLimits } from "../watch.ts";
import type { Held } from "./held.ts";

type Message = Extract<FromClient, { type: "coordinate" }>;
export type Answer = Extract<ToClient, { type: "coordinated" }>;

/** What is asked of one thing. */
export type Ask = Omit<Message, "type" | "id" | "wait">;

export type Waiting<Result> = WaitLimits & {
  /** Called while the answer is being received. */
  read: (answer: Answer, id: number) => Result;
  /** What has not happened when time is over: `the lock "db" was not free`. */
  late: string;
  /**
   * What is done cannot be undone, so giving up has to wait for the scheduler to say that it has not
   * been done. Else giving up is immediate.
   */
  mustKnow?: boolean;
};

export class Coordinator {
  readonly #session: Session;
  readonly #requests = new Map<number, PendingRequest>();
  readonly #holds = new Map<number, Held>();
  #asked = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * @throws what the scheduler refused it with
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   */
  request<Result>(ask: Ask, waiting: Waiting<Result>): Promise<Result> {
    const answered = new Promise<Result>((resolve, reject) => {
      const timeoutMs = checkedTimeout(waiting.timeoutMs);
      waiting.signal?.throwIfAborted();
      const id = this.#asked++;
      const request = new PendingRequest({
        ...{ waiting, timeoutMs, resolve: resolve as (result: unknown) => void, reject, id },
        giveBack: () => this.#giveUp(id, waiting.mustKnow ?? false),
      });
      // Not to wait at all is for the scheduler to see to: an answer takes its time.
      const now = timeoutMs === 0 ? { wait: false as const } : {};
      this.#session.say({ type: "coordinate", id, ...ask, ...now });
      this.#requests.set(id, request);
      request.start();
    });
    return this.#session.during(answered);
  }

  /** Something that is done at once. */
  do<Result>(ask: Ask, read: (answer: Answer) => Result): Promise<Result> {
    return this.request(ask, { read, late: "" });
  }

  /** The payload and the futures of what is put or set. */
  encoded(value: unknown, where: string): Pick<Ask, "value" | "inputs"> {
    const { payload, inputs } = encodeFor(this.#session, value, where);
    return inputs.length === 0 ? { value: payload } : { value: payload, inputs: [...inputs] };
  }

  /** The values in an answer; the futures in them are held by this client from now on. */
  received({ id, items = [], inputs = [] }: Answer): unknown[] {
    try {
      return items.map((item, index) => {
        const states = this.#session.adopt(inputs[index] ?? [], undefined);
        return decode(
          item,
          states.map((state) => new Future(state)),
        );
      });
    } finally {
      this.#session.tellIds("took", id);
    }
  }

  hold(id: number, held: Held): void {
    this.#holds.set(id, held);
  }

  release(id: number): void {
    this.#session.tellIds("give-back", id);
    this.#holds.delete(id);
  }

  #giveUp(id: number, mustKnow: boolean): void {
    this.#session.tellIds("give-back", id);
    if (!mustKnow) this.#requests.delete(id);
  }

  // ── For the session to tell ───────────────────────────────────────────────────────────────────

  /** An answer to a request that was given up meanwhile is on its way back already. */
  answered(answer: Answer): void {
    const request = this.#requests.get(answer.id);
    this.#requests.delete(answer.id);
    request?.answered(answer);
  }

  unsendable({ id }: Message, cause: Error): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    request?.failed(new SerializationError(cause.message, { cause }));
  }

  /** Nothing more can be asked, and what was held is no longer: lost, unless it was meant so. */
  end(ended: Error, meant: boolean): void {
    for (const request of this.#requests.values()) request.failed(ended);
    this.#requests.clear();
    for (const held of this.#holds.values()) held.ended(ended, meant);
    this.#holds.clear();
  }
}

type Parts = {
  readonly id: number;
  readonly waiting: Waiting<unknown>;
  readonly timeoutMs: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly giveBack: () => void;
};

class PendingRequest {
  readonly #parts: Parts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Why it was given up. */
  #givenUp: { reason: unknown } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    const { timeoutMs, waiting } = this.#parts;
    if (timeoutMs > 0 && timeoutMs <= longestTimerMs) {
      this.#timer = setTimeout(() => this.#giveUp(this.#timeout()), timeoutMs);
    }
    waiting.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  answered(answer: Answer): void {
    const { waiting, resolve, id } = this.#parts;
    if (answer.failure) return this.failed(errorOf(answer.failure));
    if (answer.withdrawn)
      return this.failed(this.#givenUp ? this.#givenUp.reason : this.#timeout());
    this.#end();
    try {
      resolve(waiting.read(answer, id));
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    this.#end();
    this.#parts.reject(error);
  }

  readonly #onAbort = () => this.#giveUp(this.#parts.waiting.signal?.reason);

  #giveUp(reason: unknown): void {
    this.#end();
    this.#givenUp = { reason };
    this.#parts.giveBack();
    if (!this.#parts.waiting.mustKnow) this.#parts.reject(reason);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#parts.waiting.signal?.removeEventListener("abort", this.#onAbort);
  }

  #timeout(): TimeoutError {
    const { timeoutMs, waiting } = this.#parts;
    const when = timeoutMs === 0 ? "at once" : `within ${timeoutMs} ms`;
    return new TimeoutError(`wait longer, or see to what it waits for: ${waiting.late} ${when}`);
  }
}

/** @throws {TypeError} */
export function checkedName(name: unknown, kind: string): string {
  if (typeof name !== "string") {
    throw new TypeError(`give the ${kind} a name, as a string, not ${typeof name}`);
  }
  if (name.length > 0 && name.length <= bounds.nameLength) return name;
  throw new TypeError(
    `the name of a ${kind} has 1 to ${bounds.nameLength} characters, not ${name.length}`,
  );
}

/** @throws {TypeError} @throws {RangeError} */
export function checkedNumber(value: unknown, name: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a number, not ${typeof value}`);
  }
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`${name} must be a whole number from 1, not ${value}`);
}
