// The requests that a client has sent and waits to hear the answers of, by number. Whoever waits may
// give up, by time or by a signal; what an answer says is read while it is being received.

import { describeDuration, longestTimerMs } from "../src/duration.ts";
import { SerializationError, TimeoutError } from "../src/errors/errors.ts";
import { errorOf } from "../src/errors/failure.ts";
import type { AnswerMessage } from "../src/wire/protocol.ts";
import type { RequestName, ResultOf } from "../src/wire/requests.ts";
import { checkedTimeout } from "./option-checks.ts";
import type { WaitLimits } from "./watch.ts";
import { clearTimeout, setTimeout } from "../src/timers.ts";

/** How an answer is waited for, and what becomes of it. */
export type Waiting<Result, Value> = WaitLimits & {
  /** Turns the result into the value, while the answer is being received; what it throws is thrown. */
  read: (result: Result, request: PendingRequest) => Value;
  /** What has not happened when time is over: `the lock "db" was not free`. */
  late?: string;
  /** Undoes the request when waiting is given up. Default: the answer is passed over. */
  giveUp?: (id: number) => void;
  /**
   * What was done cannot be undone, so giving up has to wait for the scheduler to say that it has not
   * been done. Default: giving up is immediate.
   */
  mustKnow?: boolean;
};

export class PendingRequests {
  readonly #open = new Map<number, PendingRequest>();
  #sent = 0;

  get size(): number {
    return this.#open.size;
  }

  /**
   * Sends a request under a new number, and waits for its answer.
   *
   * @param send sends it; nothing is waited for when it throws
   */
  send<Name extends RequestName, Value>(
    send: (id: number) => void,
    waiting: Waiting<ResultOf<Name>, Value>,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const timeoutMs = checkedTimeout(waiting.timeoutMs);
      waiting.signal?.throwIfAborted();
      const id = this.#sent++;
      const forget = () => this.#open.delete(id);
      const request = new PendingRequest({
        ...{ id, timeoutMs, resolve: resolve as (value: unknown) => void, reject, forget },
        waiting: waiting,
      });
      send(id);
      this.#open.set(id, request);
      request.start();
    });
  }

  /** The answer to a request that was given up meanwhile is passed over. */
  answered(answer: AnswerMessage): void {
    const request = this.#open.get(answer.id);
    this.#open.delete(answer.id);
    request?.answered(answer);
  }

  /** A request that the link could not send; false when there is none of this number. */
  unsendable(id: number, cause: Error): boolean {
    const request = this.#open.get(id);
    this.#open.delete(id);
    request?.failed(new SerializationError(cause.message, { cause }));
    return request !== undefined;
  }

  refuseAll(error: Error): void {
    for (const request of this.#open.values()) request.failed(error);
    this.#open.clear();
  }
}

type Parts = {
  readonly id: number;
  readonly waiting: Waiting<never, unknown>;
  readonly timeoutMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly forget: () => void;
};

export class PendingRequest {
  readonly #parts: Parts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Why it was given up. */
  #givenUp: { reason: unknown } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get id(): number {
    return this.#parts.id;
  }

  /** Why it was not done, for an answer that says so: waiting was given up, or time was over at once. */
  get whyNotDone(): unknown {
    return this.#givenUp ? this.#givenUp.reason : this.#timeout();
  }

  start(): void {
    const { timeoutMs, waiting } = this.#parts;
    // With no time at all it is for the scheduler to say at once that it cannot be done.
    if (timeoutMs > 0 && timeoutMs <= longestTimerMs) {
      this.#timer = setTimeout(() => this.#giveUp(this.#timeout()), timeoutMs);
    }
    waiting.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  answered(answer: AnswerMessage): void {
    if ("failure" in answer) return this.failed(errorOf(answer.failure));
    const { waiting, resolve } = this.#parts;
    this.#end();
    try {
      resolve(waiting.read(answer.result as never, this));
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
    const { id, waiting, forget, reject } = this.#parts;
    this.#end();
    this.#givenUp = { reason };
    waiting.giveUp?.(id);
    if (waiting.mustKnow) return;
    forget();
    reject(reason);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#parts.waiting.signal?.removeEventListener("abort", this.#onAbort);
  }

  #timeout(): TimeoutError {
    const { timeoutMs, waiting } = this.#parts;
    const when = timeoutMs === 0 ? "at once" : `within ${describeDuration(timeoutMs)}`;
    return new TimeoutError(
      `wait longer, or see to what it waits for: ${waiting.late ?? "the scheduler did not answer"} ${when}`,
    );
  }
}
