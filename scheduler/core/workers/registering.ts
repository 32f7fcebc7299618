// The functions that workers register, by name. A name should mean the same function on all workers; a
// warning is logged when the texts of two differ.

import { forgetFunctionIfUnused, functionFor } from "../tasks/functions.ts";
import type { State, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** Names of functions in one warning. */
const namedAtMost = 5;

/** @param digests of the text of each function, in the order of `functions`; some workers send none */
export function register(
  { state, effects }: StepContext,
  worker: Worker,
  {
    functions,
    digests = [],
  }: { functions: readonly string[]; digests?: readonly string[] | undefined },
): void {
  const differing: string[] = [];
  let other = "";
  functions.forEach((name, index) => {
    const known = functionFor(state, name);
    const digest = digests[index];
    if (known.workers === 0) {
      known.digest = digest;
      known.digestOf = worker.name;
      known.warned = false;
      state.registered.add(name);
    } else if (digest !== undefined && known.digest !== undefined && digest !== known.digest) {
      differing.push(name);
      other = known.digestOf;
    }
    known.workers++;
    known.wasRegistered = true;
  });
  if (differing.length === 0) return;
  const more = differing.length > namedAtMost ? ` and ${differing.length - namedAtMost} more` : "";
  effects.log(
    "warning",
    `start all workers with the same modules: ${worker.name} and ${other} have different functions ` +
      `under the same names, and it is left to chance which one runs: ` +
      `${differing.slice(0, namedAtMost).join(", ")}${more}`,
  );
}

/** A worker is gone, and its functions with it. */
export function unregister(state: State, worker: Worker): void {
  for (const name of worker.functions) {
    const facts = functionFor(state, name);
    if (--facts.workers > 0) continue;
    facts.warned = false;
    state.registered.delete(name);
    forgetFunctionIfUnused(state, facts);
  }
}
