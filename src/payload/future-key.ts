// How a payload recognises a future without knowing the client: any object that carries its task's
// key under this symbol is one. Registered globally, so that two copies of this package agree.

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
