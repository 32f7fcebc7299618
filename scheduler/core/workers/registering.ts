// The functions that workers bring, by their names. A name is taken to mean one function wherever it
// is registered; when the texts of two differ, whoever runs the cluster is told.

import { functionFor } from "../tasks/functions.ts";
import type { Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** So many names stand in a warning. */
const named = 5;

/** @param digests of each function's text, in the order of `functions`; none from one that says none */
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
  const more = differing.length > named ? ` and ${differing.length - named} more` : "";
  effects.log(
    "warning",
    `start all workers with the same modules: ${worker.name} and ${other} have different functions ` +
      `under the same names, and it is left to chance which one runs: ` +
      `${differing.slice(0, named).join(", ")}${more}`,
  );
}
