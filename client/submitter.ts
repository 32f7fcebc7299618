// Calls of registered functions, under one set of options: what a client is, and what its `with`
// returns.

import { limits } from "../src/wire/limits.ts";
import { encodeArguments, Future } from "./future.ts";
import { pureKey } from "./pure-key.ts";
import type { Session } from "./session.ts";
import type { CheckedOptions } from "./task-options.ts";
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

export class Submitter<Tasks = UntypedTasks> {
  readonly #session: Session;
  readonly #options: CheckedOptions;

  /** @internal */
  constructor(session: Session, options: CheckedOptions = noOptions) {
    this.#session = session;
    this.#options = options;
  }

  /**
   * Has a registered function called by some worker. Returns at once; arguments may be futures, or
   * hold them anywhere in arrays, plain objects, Maps and Sets: the task waits for their values.
   *
   * @param task the registered name, or the function itself, which is sent by its name
   * @throws {SerializationError} when an argument cannot be sent, naming the path inside it; a future
   *   that was released or cancelled cannot
   * @throws {TypeError} when a function has no name
   * @throws {ConnectionError} when the client is closed or has lost its scheduler
   * @example
   * const sum = client.submit("add", 1, 10);
   * const twice = client.submit("add", sum, sum);
   * await twice.result(); // 22
   */
  submit<const Reference extends TaskName<Tasks> | AnyFunction>(
    task: Reference,
    ...args: TaskArguments<Tasks, Reference>
  ): Future<TaskResult<Tasks, Reference>>;
  submit<const Reference extends TaskReference<Tasks>, const Args extends unknown[]>(
    task: Reference,
    ...args: DecidedArguments<Tasks, Reference, Args, "values">
  ): DecidedResult<Tasks, Reference, Args, "values">;
  submit<
    const Reference extends AnyReference<Parameters_, Result>,
    Parameters_ extends unknown[],
    Result,
    Args extends unknown[],
  >(
    task: Reference | TaskFunction<Parameters_, Result>,
    ...args: FunctionArguments<Tasks, Reference, Parameters_, Args, "values">
  ): Future<Awaited<Result>>;
  submit(task: unknown, ...args: unknown[]): unknown {
    const { key, pure, task: options } = this.#options;
    const name = nameOf(task);
    const call = encodeArguments(args, this.#session);
    const givenKey = pure ? pureKey(name, call) : key;
    return new Future(this.#session.submit(name, call, options, givenKey));
  }

  /**
   * Calls a function for the first value of each iterable, the second of each, and so on until the
   * shortest ends. All arguments are encoded before any call is submitted: it is all or nothing.
   *
   * @param task the registered name, or the function itself
   * @param iterables one for each parameter: arrays, Sets, generators; of values or futures
   * @returns the futures, in the order of the inputs
   * @throws as `submit` does
   * @example await client.gather(client.map("add", [1, 2, 3], [10, 11, 12])); // [11, 13, 15]
   */
  map<const Reference extends TaskName<Tasks> | AnyFunction>(
    task: Reference,
    ...iterables: TaskColumns<Tasks, Reference>
  ): Future<TaskResult<Tasks, Reference>>[];
  map<const Reference extends TaskReference<Tasks>, const Args extends unknown[]>(
    task: Reference,
    ...iterables: DecidedArguments<Tasks, Reference, Args, "columns">
  ): DecidedResult<Tasks, Reference, Args, "columns">[];
  map<
    const Reference extends AnyReference<Parameters_, Result>,
    Parameters_ extends unknown[],
    Result,
    Args extends unknown[],
  >(
    task: Reference | TaskFunction<Parameters_, Result>,
    ...iterables: FunctionArguments<Tasks, Reference, Parameters_, Args, "columns">
  ): Future<Awaited<Result>>[];
  map(task: unknown, ...iterables: unknown[]): unknown {
    const { key, pure, task: options } = this.#options;
    const session = this.#session;
    const name = nameOf(task);
    const calls = Array.from(zip(iterables), (args) => encodeArguments(args, session));
    return calls.map((call, index) => {
      const givenKey = pure ? pureKey(name, call) : key && `${key}-${index}`;
      return new Future(session.submit(name, call, options, givenKey));
    });
  }
}

const noOptions: CheckedOptions = { key: undefined, pure: false, task: undefined };

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

function* zip(iterables: readonly unknown[]): Generator<unknown[]> {
  if (iterables.length === 0) return;
  const iterators = iterables.map((iterable, index) => {
    if (isIterable(iterable)) return iterable[Symbol.iterator]();
    throw new TypeError(
      `map takes something to iterate over for each parameter: argument[${index}]`,
    );
  });
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
