// Calls of registered functions, under one set of options: what a client is, and what its `with`
// returns.

import { referenceTo } from "./function-reference.ts";
import { encodeArguments, Future } from "./future.ts";
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
};

export class Calls<Tasks = UntypedTasks> implements Submitter<Tasks> {
  readonly #session: Session;
  readonly #settings: CallSettings;

  /** @internal */
  constructor(session: Session, options: CallOptions = {}) {
    this.#session = session;
    this.#settings = new CallSettings(options);
  }

  readonly submit = ((task: unknown, ...args: unknown[]) => {
    const { key, pure } = this.#settings;
    const head = this.#settings.headFor(referenceTo(task));
    const call = encodeArguments(args, this.#session);
    const givenKey = pure ? pureKey(head, call) : key;
    return new Future(this.#session.submit(head, call, givenKey));
  }) as Submit<Tasks>;

  readonly map = ((task: unknown, ...iterables: unknown[]) => {
    const { key, pure } = this.#settings;
    const session = this.#session;
    const head = this.#settings.headFor(referenceTo(task));
    const calls = Array.from(zip(iterables), (args) => encodeArguments(args, session));
    return calls.map((call, index) => {
      const givenKey = pure ? pureKey(head, call) : key && `${key}-${index}`;
      return new Future(session.submit(head, call, givenKey));
    });
  }) as SubmitRows<Tasks>;
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
