// Calls of registered functions, under one set of options: what a client is, and what its `with`
// returns.

import { ConnectionError, isRefusal } from "../src/errors/errors.ts";
import type { Encoded } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import { referenceTo } from "./function-reference.ts";
import { encodeArguments, Future } from "./future.ts";
import type { SubmitHead } from "./message-writer.ts";
import { pureKey } from "./pure-key.ts";
import type { Session } from "./session.ts";
import { CallSettings, type CallOptions } from "./task-options.ts";
import type {
  AnyFunction,
  AnyReference,
  DecidedArguments,
  DecidedResult,
  FunctionArguments,
  TaskArguments,
  TaskColumns,
  TaskFunction,
  TaskName,
  TaskReference,
  TaskResult,
  UntypedTasks,
} from "./types.ts";

/** Submits one call: by a registered name, by what depends on its arguments, or by the function itself. */
export type Submit<Tasks = UntypedTasks> = {
  <const Reference extends TaskName<Tasks> | AnyFunction>(
    task: Reference,
    ...args: TaskArguments<Tasks, Reference>
  ): Future<TaskResult<Tasks, Reference>>;
  <const Reference extends TaskReference<Tasks>, const Args extends unknown[]>(
    task: Reference,
    ...args: DecidedArguments<Tasks, Reference, Args, "values">
  ): DecidedResult<Tasks, Reference, Args, "values">;
  <
    const Reference extends AnyReference<Parameters_, Result>,
    Parameters_ extends unknown[],
    Result,
    Args extends unknown[],
  >(
    task: Reference | TaskFunction<Parameters_, Result>,
    ...args: FunctionArguments<Tasks, Reference, Parameters_, Args, "values">
  ): Future<Awaited<Result>>;
};

/** Submits a call for each row of its arguments. */
export type SubmitRows<Tasks = UntypedTasks> = {
  <const Reference extends TaskName<Tasks> | AnyFunction>(
    task: Reference,
    ...iterables: TaskColumns<Tasks, Reference>
  ): Future<TaskResult<Tasks, Reference>>[];
  <const Reference extends TaskReference<Tasks>, const Args extends unknown[]>(
    task: Reference,
    ...iterables: DecidedArguments<Tasks, Reference, Args, "columns">
  ): DecidedResult<Tasks, Reference, Args, "columns">[];
  <
    const Reference extends AnyReference<Parameters_, Result>,
    Parameters_ extends unknown[],
    Result,
    Args extends unknown[],
  >(
    task: Reference | TaskFunction<Parameters_, Result>,
    ...iterables: FunctionArguments<Tasks, Reference, Parameters_, Args, "columns">
  ): Future<Awaited<Result>>[];
};

/** What submits calls: a client, or what its `with` returns. */
export type Submitter<Tasks = UntypedTasks> = {
  /** See `Client.submit`. */
  readonly submit: Submit<Tasks>;
  /** See `Client.map`. */
  readonly map: SubmitRows<Tasks>;
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

  readonly submit = ((task: unknown, ...args: unknown[]) => {
    const head = this.#settings.headFor(referenceTo(task));
    return this.#submit(head, this.#encode(args), this.#settings.key);
  }) as Submit<Tasks>;

  readonly map = ((task: unknown, ...iterables: unknown[]) => {
    const { key } = this.#settings;
    const head = this.#settings.headFor(referenceTo(task));
    const calls = Array.from(zip(iterables), (args) => this.#encode(args));
    if (key !== undefined) checkKeys(key, calls.length);
    return calls.map((call, index) => this.#submit(head, call, key && `${key}-${index}`));
  }) as SubmitRows<Tasks>;

  with(options: CallOptions): Submitter<Tasks> {
    return new Calls<Tasks>(this.#session, { ...this.#options, ...options });
  }

  /** The encoded arguments, or why one of them is lost or was refused. */
  #encode(args: readonly unknown[]): Encoded | Error {
    try {
      return encodeArguments(args, this.#session);
    } catch (error) {
      const { cause } = error as Error;
      if (cause instanceof ConnectionError || isRefusal(cause)) return cause;
      throw error;
    }
  }

  #submit(head: SubmitHead, call: Encoded | Error, key: string | undefined): Future {
    if (call instanceof Error) return new Future(this.#session.submitLost(head, call, key));
    const givenKey = this.#settings.pure ? pureKey(head, call) : key;
    const state = this.#session.submit(head, call, givenKey);
    if (this.#settings.output) this.#session.listen(state, this.#settings.output);
    return new Future(state);
  }
}

/** @throws {RangeError} when the keys of a `map` are longer than a key may be */
function checkKeys(key: string, calls: number): void {
  const longest = `${key}-${calls - 1}`.length;
  if (longest <= limits.keyLength) return;
  throw new RangeError(
    `key must be shorter by ${longest - limits.keyLength}: map names its tasks key-0 to key-${calls - 1}, of ${limits.keyLength} characters at most`,
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
