// The symbol that marks a future: a payload recognises any object with a task's key under it, and so
// needs no client. The symbol is registered globally, so that two copies of this package agree.

export const futureKey: unique symbol = Symbol.for("thence.future");

/** An object that stands for the value of a task. */
export type FutureLike = { readonly [futureKey]: string };

/** Whether `value` is a future: an object whose `[futureKey]` is the key of its task. */
export function isFutureLike(value: unknown): value is FutureLike {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<FutureLike>)[futureKey] === "string"
  );
}
