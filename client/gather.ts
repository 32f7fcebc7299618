// The values of many futures at once, in the shape they came in.

import { heldStateOf, stateOf } from "./future.ts";
import { atCaller } from "../src/errors/stack.ts";
import { checkedNames } from "./option-checks.ts";
import type { FutureState } from "./future-state.ts";
import { futuresIn, withValues } from "./shape.ts";
import { watch } from "./watch.ts";

export type GatherOptions = {
  /**
   * "raise" (default): the first failure is thrown as soon as it is known. "skip": failed and
   * cancelled futures are left out of the top-level array; an item that holds one goes with it.
   */
  errors?: "raise" | "skip";
};

export async function gather(shape: unknown, options: GatherOptions = {}): Promise<unknown> {
  const { errors = "raise" } = checkedNames(options, ["errors"], "gather");
  if (errors !== "raise" && errors !== "skip") {
    throw new TypeError(`errors must be "raise" or "skip", not ${JSON.stringify(errors)}`);
  }
  const states = futuresIn(shape).map(heldStateOf);
  try {
    await watch(states, { values: true, failFast: errors === "raise" });
  } catch (error) {
    throw atCaller(error);
  }
  const kept =
    errors === "skip" && Array.isArray(shape)
      ? shape.filter((item) => !futuresIn(item).some((future) => isSkipped(stateOf(future))))
      : shape;
  return withValues(kept, (future) => stateOf(future).value());
}

/** Not those of a lost scheduler: an empty answer would say that nothing was there. */
function isSkipped(state: FutureState): boolean {
  return state.status === "error" || state.status === "cancelled";
}
