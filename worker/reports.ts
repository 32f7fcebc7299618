// The messages of the worker to the scheduler, with columns: an answer joins the newest message as long as
// that has not left, so that a thousand results travel as one message. While the heap is full less is said.

import { briefFailure } from "../src/errors/brief-failure.ts";
import { payloadBytes, type Payload } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import type { Failure, FromClient, FromWorker, StoredAtWorker } from "../src/wire/protocol.ts";
import type { MissingError } from "./results/missing-error.ts";

/** The part of a link that reports need. */
export type Outbox = {
  send(message: FromWorker): void;
  /** The newest message, while its columns may still grow. */
  readonly lastUnsent: FromWorker | undefined;
  /** Whether the heap has no room for more than has to be said. */
  readonly isFull?: boolean;
};

/** One attempt of one task. */
export type AttemptId = { readonly key: string; readonly attempt: number };

type Finished = Extract<FromWorker, { type: "finished" }>;

/** Messages with more columns than this, or heavier, are not added to. */
const columns = 1_000;
const messageBytes = 64 * 1024;
/** Bytes of a `StoredAtWorker` in a message. */
const placeholderBytes = 16;
/** Characters of a message, and of a stack, of a failure while the heap is full. */
const briefly = { message: 1_000, stack: 1_000 };

export class Reports {
  readonly #outbox: Outbox;
  /** Payload bytes of the newest `finished`. */
  #bytes = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** The task finished, with its value, or with the size of a value that stays here. */
  finished({ key, attempt }: AttemptId, value: Payload | StoredAtWorker, micros: number): void {
    const bytes =
      typeof value === "object" && "bytes" in value ? placeholderBytes : payloadBytes(value);
    const last = this.#outbox.lastUnsent;
    if (
      last?.type === "finished" &&
      last.keys.length < columns &&
      this.#bytes + bytes < messageBytes
    ) {
      last.keys.push(key);
      last.attempts.push(attempt);
      last.values.push(value);
      last.micros.push(micros);
      this.#bytes += bytes;
    } else {
      this.#bytes = bytes;
      const message: Finished = {
        type: "finished",
        keys: [key],
        attempts: [attempt],
        values: [value],
        micros: [micros],
      };
      this.#outbox.send(message);
    }
  }

  restarted(): void {
    this.#outbox.send({ type: "restarted" });
  }

  /** `shared`: the thread was lost, and any of several calls may be the cause. */
  failed({ key, attempt }: AttemptId, failure: Failure, { shared = false } = {}): void {
    const said = this.#outbox.isFull ? briefFailure(failure, briefly) : failure;
    const message = said.message.slice(0, limits.textLength);
    this.#outbox.send({
      type: "failed",
      key,
      attempt,
      failure: { ...said, message },
      ...(shared && { shared }),
    });
  }

  /** The task executes; said of tasks that take long, and of tasks that are to be announced. */
  started(attempt: AttemptId): void {
    this.#attempt("started", attempt);
  }

  withdrawn(attempt: AttemptId): void {
    this.#attempt("withdrawn", attempt);
  }

  stopped(attempt: AttemptId): void {
    this.#attempt("stopped", attempt);
  }

  lent(attempt: AttemptId): void {
    this.#attempt("lent", attempt);
  }

  resuming(attempt: AttemptId): void {
    this.#attempt("resuming", attempt);
  }

  /** A message of the client inside a task. */
  sub({ key, attempt }: AttemptId, message: FromClient): void {
    this.#outbox.send({ type: "sub", key, attempt, message });
  }

  /** Not said while the heap is full: what comes later says more. */
  progress({ key, attempt }: AttemptId, fraction: number, text: string | undefined): void {
    if (this.#outbox.isFull) return;
    const message = { type: "progress", key, attempt, fraction } as const;
    this.#outbox.send(text === undefined ? message : { ...message, text });
  }

  /** A value that the task puts out before its end. */
  output({ key, attempt }: AttemptId, value: Payload): void {
    this.#outbox.send({ type: "output", key, attempt, value });
  }

  /** This worker holds a copy of a result now. */
  held(key: string, order: number, attempt: number, bytes: number): void {
    const last = this.#outbox.lastUnsent;
    if (last?.type === "held" && last.keys.length < columns) {
      last.keys.push(key);
      last.orders.push(order);
      last.attempts.push(attempt);
      last.bytes.push(bytes);
    } else {
      const one = { keys: [key], orders: [order], attempts: [attempt], bytes: [bytes] };
      this.#outbox.send({ type: "held", ...one });
    }
  }

  /** No holder gave the result. The call that needs it is given back by this message. */
  missing(call: AttemptId | undefined, { wanted, lacking, message }: MissingError): void {
    const { key, order, attempt } = wanted;
    const why = message.slice(0, limits.textLength);
    const result = { key, order, attempt, lacking: lacking.slice(0, limits.holders), why };
    this.#outbox.send({
      type: "missing",
      ...(call && { call: { key: call.key, attempt: call.attempt } }),
      ...result,
    });
  }

  paused(reason: string): void {
    this.#outbox.send({ type: "paused", reason: reason.slice(0, limits.textLength) });
  }

  resumed(): void {
    this.#outbox.send({ type: "resumed" });
  }

  leaving(reason: string | undefined, keeps = false): void {
    this.#outbox.send({
      type: "leaving",
      ...(reason !== undefined && { reason: reason.slice(0, limits.textLength) }),
      ...(keeps && { keeps }),
    });
  }

  /** The message is larger than a frame and did not leave: its tasks fail with the reason. */
  unsendable(message: FromWorker, error: Error): void {
    if (message.type === "finished") {
      message.keys.forEach((key, index) => {
        const attempt = message.attempts[index]!;
        const text = `Return less, or a reference to a file: ${error.message}`;
        this.failed({ key, attempt }, { code: "not-serializable", message: text, key });
      });
    } else if (message.type === "failed") {
      const { error: _, ...failure } = message.failure;
      this.failed(message, failure);
    }
  }

  #attempt(
    type: "started" | "withdrawn" | "stopped" | "lent" | "resuming",
    { key, attempt }: AttemptId,
  ): void {
    const last = this.#outbox.lastUnsent;
    if (last?.type === type && last.keys.length < columns) {
      last.keys.push(key);
      last.attempts.push(attempt);
    } else {
      this.#outbox.send({ type, keys: [key], attempts: [attempt] });
    }
  }
}
