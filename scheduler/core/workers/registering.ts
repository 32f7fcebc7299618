// The functions that workers register, by name and by digest. A name should mean the same function on all
// workers; a warning is logged when the digests of two differ.

import { enterAllotted } from "../memory/allotments.ts";
import { functionBytes } from "../memory/sizes.ts";
import { forgetFunctionIfUnused, functionFor } from "../tasks/functions.ts";
import type { FunctionFacts, State, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { leaveRepertoire } from "./repertoires.ts";

/** Names of functions in one warning. */
const namedAtMost = 5;

export function register({ state, effects }: StepContext, worker: Worker): void {
  const { functions, digests, keys } = worker.repertoire;
  const differing: string[] = [];
  let other = "";
  functions.forEach((name, index) => {
    const known = functionFor(state, { name });
    const digest = digests[index];
    if (known.workers === 0) {
      known.digest = digest;
      known.digestOf = worker.name;
      state.registered.add(name);
    } else if (digest !== undefined && known.digest !== undefined && digest !== known.digest) {
      differing.push(name);
      other = known.digestOf;
    }
  });
  for (const key of keys) count(state, state.functions.get(key)!);
  if (differing.length === 0) return;
  const more = differing.length > namedAtMost ? ` and ${differing.length - namedAtMost} more` : "";
  effects.log(
    "warning",
    `start all workers with the same modules: ${worker.name} and ${other} have different functions ` +
      `under the same names, and it is left to chance which one runs: ` +
      `${differing.slice(0, namedAtMost).join(", ")}${more}`,
  );
}

function count(state: State, facts: FunctionFacts): void {
  if (facts.workers === 0) {
    enterAllotted(state, "workers", functionBytes(facts.key));
    facts.warned = false;
    facts.unknownSince = undefined;
  }
  facts.workers++;
  facts.wasRegistered = true;
}

/** A worker is gone, and its functions with it. */
export function unregister(state: State, worker: Worker): void {
  for (const key of worker.repertoire.keys) {
    const facts = state.functions.get(key)!;
    if (--facts.workers > 0) continue;
    enterAllotted(state, "workers", functionBytes(key), -1);
    facts.warned = false;
    if (!facts.passed) state.registered.delete(key);
    forgetFunctionIfUnused(state, facts);
  }
  leaveRepertoire(state, worker.repertoire);
}
