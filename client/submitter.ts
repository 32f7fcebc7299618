// Calls of registered functions, under one set of options: what a client is, and what its `with`
// returns.

import { ConnectionError } from "../src/errors/errors.ts";
import type { Encoded } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import { encodeArguments, Future } from "./future.ts";
import type { SubmitHead } from "./message-writer.ts";
import { pureKey } from "./pure-key.ts";
import type { Session } from "./session.ts";
import { CallSettings, type CallOptions } from "./task-options.ts";
import type {
  FunctionOf,
  TaskArguments,
  TaskColumns,
  TaskFuture,
  TaskReference,
  UntypedTasks,
} from "./types.ts";

/** What submits calls: a client, or what its `with` returns. */
export type Submitter<Tasks = UntypedTasks> = {
  /** See `Client.submit`. */
  submit<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...args: TaskArguments<FunctionOf<Tasks, Reference>>
  ): TaskFuture<FunctionOf<Tasks, Reference>>;
  /** See `Client.map`. */
  map<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...iterables: TaskColumns<FunctionOf<Tasks, Reference>>
  ): TaskFuture<FunctionOf<Tasks, Reference>>[];
  /** The same under more options; of one that is given twice, the later holds. See `Client.with`. */
  with(options: CallOptions): Submitter<Tasks>;
};

export class Calls<Tasks = UntypedTasks> implements Submitter<Tasks> {
  readonly #session: Session;
  readonly #options: CallOptions;
  readonly #settings: CallSettings;

  /** @internal */
  constructor(session: Session, options: CallOptions = {}) {
    this.#session = session;
    this.#options = options;
    this.#settings = new CallSettings(options);
  }

  submit<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...args: TaskArguments<FunctionOf<Tasks, Reference>>
  ): TaskFuture<FunctionOf<Tasks, Reference>> {
    const head = this.#settings.headFor(nameOf(task));
    return this.#submit(head, this.#encode(args), this.#settings.key);
  }

  map<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...iterables: TaskColumns<FunctionOf<Tasks, Reference>>
  ): TaskFuture<FunctionOf<Tasks, Reference>>[] {
    const { key } = this.#settings;
    const head = this.#settings.headFor(nameOf(task));
    const calls = Array.from(zip(iterables), (args) => this.#encode(args));
    return calls.map((call, index) => this.#submit(head, call, key && `${key}-${index}`));
  }

  with(options: CallOptions): Submitter<Tasks> {
    return new Calls<Tasks>(this.#session, { ...this.#options, ...options });
  }

  /** The encoded arguments, or why one of them is lost. */
  #encode(args: readonly unknown[]): Encoded | ConnectionError {
    try {
      return encodeArguments(args, this.#session);
    } catch (error) {
      const { cause } = error as Error;
      if (cause instanceof ConnectionError) return cause;
      throw error;
    }
  }

  #submit<T>(
    head: SubmitHead,
    call: Encoded | ConnectionError,
    key: string | undefined,
  ): Future<T> {
    if (call instanceof Error) return new Future(this.#session.submitLost(head, call, key));
    const givenKey = this.#settings.pure ? pureKey(head.name, call) : key;
    return new Future(this.#session.submit(head, call, givenKey));
  }
}

/** The name that a function is sent by. */
export function nameOf(task: unknown): string {
  const name: unknown = typeof task === "function" ? task.name : task;
  if (typeof name !== "string") {
    throw new TypeError(`give a function or its registered name, not ${typeof task}`);
  }
  if (name.length > 0 && name.length <= limits.nameLength) return name;
  throw new TypeError(
    typeof task === "function" && name === ""
      ? "give the registered name: this function has no name of its own to be sent by"
      : `the name of a function has 1 to ${limits.nameLength} characters, not ${name.length}`,
  );
}

/**
 * The same value for each call of a `map`: an iterable without an end.
 *
 * @example client.map("lookUp", rows, repeat(table));
 */
export function repeat<const T>(value: T): Iterable<T> {
  return new Repeated(value);
}

class Repeated<T> implements Iterable<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (;;) yield this.#value;
  }
}

function* zip(iterables: readonly unknown[]): Generator<unknown[]> {
  if (iterables.length === 0) return;
  let ends = iterables.length;
  const iterators = iterables.map((iterable, index) => {
    if (iterable instanceof Repeated) ends--;
    if (isIterable(iterable)) return iterable[Symbol.iterator]();
    throw new TypeError(
      `map takes something to iterate over for each parameter: argument[${index}]`,
    );
  });
  if (ends === 0) {
    throw new TypeError("map ends with its shortest iterable: give one besides those of repeat");
  }
  const open = new Set(iterators);
  try {
    for (;;) {
      const row: unknown[] = [];
      for (const iterator of iterators) {
        const next = iterator.next();
        if (next.done) {
          open.delete(iterator);
          return;
        }
        row.push(next.value);
      }
      yield row;
    }
  } finally {
    // The others may be generators that have something to clean up.
    for (const iterator of open) iterator.return?.();
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof (value as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] ===
    "function"
  );
}
