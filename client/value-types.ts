// What the compiler knows of values: where futures may stand in them, what they are once gathered,
// and which of them no worker can be sent. Values are copied on their way, so what takes a value
// to send takes a read-only one as well.
//
// Recursive types end: members of arrays, objects, Maps and Sets are looked at only when they are
// compared, and tuples, which the compiler maps at once, are counted (`deepest`).

import type { Future } from "./future.ts";

declare const why: unique symbol;
/** No value is of this type: it stands where one cannot be, and says why. */
export type Refused<Why extends string> = { readonly [why]: Why };

/** Tuples inside each other; what is deeper holds no futures. */
type deepest = 8;

/** Values without parts: they are sent as they are. */
type Leaf =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | RegExp
  | URL
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayBufferView;

type Code = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/**
 * What may be an argument where a function takes a `T`: the value, a future of it, or the value with
 * futures anywhere inside its arrays, objects, Maps and Sets. What cannot be sent is `Refused`.
 */
export type WithFutures<T, Depth extends 1[] = []> = [T] extends [Leaf]
  ? T | Future<T>
  : [T] extends [Code | undefined]
    ? Inside<T, Depth>
    : Depth extends []
      ? ValueOrFutures<T>
      : Inside<T, Depth> | Future<T>;
/** The name that messages have for a type that is not a mere value. */
type ValueOrFutures<T> = Inside<T, []> | Future<T>;

type Inside<T, Depth extends 1[]> = T extends Leaf
  ? T
  : T extends Code
    ? Refused<"a function cannot be sent to a worker: pass data">
    : T extends symbol
      ? Refused<"a symbol cannot be sent to a worker: pass a string">
      : T extends Future
        ? Refused<"a task is given the value, not the future: let its parameter be of the value's type">
        : T extends PromiseLike<unknown>
          ? Refused<"a promise cannot be sent to a worker: await it first">
          : T extends AsyncIterable<unknown>
            ? Refused<"a stream cannot be sent to a worker: pass its items in an array">
            : T extends ReadonlyMap<infer Key, infer Value>
              ? AnyMap<WithFutures<Key, Depth>, WithFutures<Value, Depth>>
              : T extends ReadonlySet<infer Item>
                ? AnySet<WithFutures<Item, Depth>>
                : T extends readonly unknown[]
                  ? ListInside<T, Depth>
                  : T extends object
                    ? ObjectInside<T, Depth>
                    : T;

/** Beside the read-only one, what `new Map()` is inferred to be. */
type AnyMap<Key, Value> = ReadonlyMap<Key, Value> | Map<Key, Value>;
type AnySet<Item> = ReadonlySet<Item> | Set<Item>;

type ListInside<T extends readonly unknown[], Depth extends 1[]> = T extends readonly (infer Item)[]
  ? IsTuple<T> extends false
    ? readonly WithFutures<Item, Depth>[]
    : Depth["length"] extends deepest
      ? Readonly<T>
      : { readonly [Index in keyof T]: WithFutures<T[Index], [...Depth, 1]> }
  : never;

type ObjectInside<T extends object, Depth extends 1[]> =
  HasPrivateMembers<T> extends true
    ? Refused<"an instance of a class cannot be sent to a worker: pass a plain object">
    : [keyof T] extends [symbol]
      ? T extends Iterable<infer Item>
        ? IterableInside<T, Item, Depth>
        : T
      : (T extends Error ? T : never) | PropertiesInside<T, Depth>;
type PropertiesInside<T extends object, Depth extends 1[]> = {
  [Key in keyof T]: Key extends symbol ? T[Key] : WithFutures<T[Key], Depth>;
};

/** An abstract `Iterable`: all that can be iterated over, but for iterators, which are code. */
type IterableInside<T, Item, Depth extends 1[]> =
  | (T & { readonly next?: never })
  | readonly WithFutures<Item, Depth>[]
  | ReadonlySet<WithFutures<Item, Depth>>;

type IsTuple<T extends readonly unknown[]> = number extends T["length"]
  ? T extends readonly [unknown, ...unknown[]] | readonly [...unknown[], unknown]
    ? true
    : false
  : true;

/** A copy of a type has all members but those. */
type HasPrivateMembers<T> = { [Key in keyof T]: T[Key] } extends T ? false : true;

/** What stands for the result of a function whose result no worker can send back. */
export type RefusedResult = [
  Refused<"a worker cannot send back what this returns: let it return data, without functions, symbols, promises, streams and instances of classes">,
][0]; // Looked up, so that messages show the words and not this name.

/** What a call of a function gives that cannot be made: an argument or a part of one cannot be sent. */
export type RefusedArguments = [
  Refused<"an argument cannot be sent to a worker: pass data, without functions, symbols, promises, streams and instances of classes">,
][0];

/** A result as it arrives. */
export type Received<T> = IsRefused<T> extends true ? RefusedResult : T;

/** Whether no worker can send it back. A union counts as what can be sent in it. */
export type IsRefused<T> = [T] extends [never]
  ? false
  : [CanCross<T, 2>] extends [false]
    ? true
    : false;

/** For each member of a union, false when it surely cannot. Looks at this many levels of properties. */
type CanCross<T, Levels extends 0 | 1 | 2> = unknown extends T
  ? true
  : T extends Leaf | Error
    ? true
    : T extends Code | symbol | Future | PromiseLike<unknown> | AsyncIterable<unknown>
      ? false
      : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
        ? true
        : Levels extends 0
          ? true
          : T extends readonly (infer Item)[]
            ? [Item] extends [never]
              ? true
              : [CanCross<Item, Less[Levels]>] extends [false]
                ? false
                : true
            : T extends object
              ? HasPrivateMembers<T> extends true
                ? false
                : true extends MustNotCross<T, Less[Levels]>
                  ? false
                  : true
              : true;
type MustNotCross<T, Levels extends 0 | 1 | 2> = {
  [Key in keyof T]-?: Key extends symbol
    ? false
    : undefined extends T[Key]
      ? false
      : [T[Key]] extends [never]
        ? false
        : [CanCross<T[Key], Levels>] extends [false]
          ? true
          : false;
}[keyof T];
type Less = [0, 0, 1];

/** What `gather` gives for `T`: the same shape, the value of each future in its place. */
export type Gathered<T, Depth extends 1[] = []> = [T] extends [Settled]
  ? T
  : T extends Future<infer Value>
    ? Value
    : T extends Leaf | Code | symbol
      ? T
      : T extends PromiseLike<unknown>
        ? Refused<"gather takes the futures themselves: there is a promise among them">
        : T extends { next(...args: never[]): unknown }
          ? Refused<"gather looks into arrays, plain objects, Maps and Sets: spread an iterator into an array">
          : T extends Map<infer Key, infer Value>
            ? Map<Gathered<Key, Depth>, Gathered<Value, Depth>>
            : T extends Set<infer Item>
              ? Set<Gathered<Item, Depth>>
              : T extends ReadonlyMap<infer Key, infer Value>
                ? ReadonlyMap<Gathered<Key, Depth>, Gathered<Value, Depth>>
                : T extends ReadonlySet<infer Item>
                  ? ReadonlySet<Gathered<Item, Depth>>
                  : T extends readonly (infer Item)[]
                    ? IsTuple<T> extends false
                      ? Gathered<Item, Depth>[]
                      : Depth["length"] extends deepest
                        ? T
                        : { -readonly [Index in keyof T]: Gathered<T[Index], [...Depth, 1]> }
                    : T extends object
                      ? IsInstance<T> extends true
                        ? T
                        : { -readonly [Key in keyof T]: Gathered<T[Key], Depth> }
                      : T;

/** Whether `gather` does not look into it. A plain object may look like an error. */
type IsInstance<T extends object> =
  HasPrivateMembers<T> extends true
    ? true
    : T extends Error
      ? [Extract<T[keyof T], Future>] extends [never]
        ? true
        : false
      : false;

/** Data without futures is given as it is, under its own name. */
type Settled =
  | Leaf
  | readonly Settled[]
  | { readonly [key: string]: Settled }
  | ReadonlyMap<Settled, Settled>
  | ReadonlySet<Settled>;

/** The same when failed futures are skipped: a top-level array may come out shorter. */
export type GatheredSome<T> = T extends readonly unknown[] ? Gathered<T[number]>[] : Gathered<T>;
