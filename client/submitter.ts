// Calls of registered functions, under one set of options: what a client is, and what its `with`
// returns.

import { referenceTo } from "./function-reference.ts";
import { encodeArguments, Future } from "./future.ts";
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
};

export class Calls<Tasks = UntypedTasks> implements Submitter<Tasks> {
  readonly #session: Session;
  readonly #settings: CallSettings;

  /** @internal */
  constructor(session: Session, options: CallOptions = {}) {
    this.#session = session;
    this.#settings = new CallSettings(options);
  }

  submit<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...args: TaskArguments<FunctionOf<Tasks, Reference>>
  ): TaskFuture<FunctionOf<Tasks, Reference>> {
    const { key, pure } = this.#settings;
    const head = this.#settings.headFor(referenceTo(task));
    const call = encodeArguments(args, this.#session);
    const givenKey = pure ? pureKey(head, call) : key;
    return new Future(this.#session.submit(head, call, givenKey));
  }

  map<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...iterables: TaskColumns<FunctionOf<Tasks, Reference>>
  ): TaskFuture<FunctionOf<Tasks, Reference>>[] {
    const { key, pure } = this.#settings;
    const session = this.#session;
    const head = this.#settings.headFor(referenceTo(task));
    const calls = Array.from(zip(iterables), (args) => encodeArguments(args, session));
    return calls.map((call, index) => {
      const givenKey = pure ? pureKey(head, call) : key && `${key}-${index}`;
      return new Future(session.submit(head, call, givenKey));
    });
  }
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
