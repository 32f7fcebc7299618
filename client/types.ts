// What the compiler knows of tasks: their names, what they take and what they give. Every type
// here starts from the type of a module, `typeof import("./tasks.ts")`, or of a function itself.

import type { Future } from "./future.ts";

/** Any function, as far as types go. */
export type AnyFunction = (...args: never[]) => unknown;

/** The tasks of a client that was told of none: any name, any arguments, unknown results. */
export type UntypedTasks = Record<string, (...args: unknown[]) => unknown>;

/** The names among `Tasks` that can be submitted: those of its functions. */
export type TaskName<Tasks> = {
  [Name in keyof Tasks & string]: Tasks[Name] extends AnyFunction ? Name : never;
}[keyof Tasks & string];

/** How a task is meant: by its registered name, or by the function itself. */
export type TaskReference<Tasks> = TaskName<Tasks> | AnyFunction;

/** The function that a reference means. */
export type FunctionOf<Tasks, Reference> = Reference extends AnyFunction
  ? Reference
  : Reference extends keyof Tasks
    ? Extract<Tasks[Reference], AnyFunction>
    : never;

/** What `submit` takes: the parameters of the function, with futures wherever values may stand. */
export type TaskArguments<Function_ extends AnyFunction> = WithFutures_<Parameters<Function_>>;
type WithFutures_<Values extends unknown[]> = {
  [Index in keyof Values]: WithFutures<Values[Index]>;
};

/** What `map` takes: for each parameter of the function, something that yields its values. */
export type TaskColumns<Function_ extends AnyFunction> = ColumnsOf<Parameters<Function_>>;
type ColumnsOf<Values extends unknown[]> = {
  [Index in keyof Values]: Iterable<WithFutures<Values[Index]>>;
};

/** The future that a call of the function gives. */
export type TaskFuture<Function_ extends AnyFunction> = Future<Awaited<ReturnType<Function_>>>;

/** `T`, with a future allowed in place of it or of any value inside its arrays, objects, Maps and Sets. */
export type WithFutures<T> = T | Future<T> | FuturesInside<T>;
type FuturesInside<T> = T extends Leaf
  ? never
  : T extends ReadonlyMap<infer Key, infer Value>
    ? ReadonlyMap<WithFutures<Key>, WithFutures<Value>>
    : T extends ReadonlySet<infer Item>
      ? ReadonlySet<WithFutures<Item>>
      : T extends object
        ? { [Property in keyof T]: WithFutures<T[Property]> }
        : never;

/** What `gather` gives for `T`: the same shape, the value of each future in its place. */
export type Gathered<T> =
  T extends Future<infer Value>
    ? Value
    : T extends Leaf
      ? T
      : T extends Map<infer Key, infer Value>
        ? Map<Gathered<Key>, Gathered<Value>>
        : T extends Set<infer Item>
          ? Set<Gathered<Item>>
          : T extends ReadonlyMap<infer Key, infer Value>
            ? ReadonlyMap<Gathered<Key>, Gathered<Value>>
            : T extends ReadonlySet<infer Item>
              ? ReadonlySet<Gathered<Item>>
              : T extends object
                ? { -readonly [Property in keyof T]: Gathered<T[Property]> }
                : T;

/** The same when failed futures are skipped: a top-level array may come out shorter. */
export type GatheredSome<T> = T extends readonly unknown[] ? Gathered<T[number]>[] : Gathered<T>;

/** Values that hold no futures: what is not an array, a plain object, a Map or a Set. */
type Leaf =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | AnyFunction
  | Date
  | RegExp
  | URL
  | Error
  | ArrayBuffer
  | ArrayBufferView;
