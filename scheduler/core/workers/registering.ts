// The functions that workers register, by name and by digest. A name should mean the same function on all
// workers; a warning is logged when the digests of two differ.

import { forgetFunctionIfUnused, functionFor, functionKey } from "../tasks/functions.ts";
import type { FunctionFacts, State, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** Names of functions in one warning. */
const namedAtMost = 5;

/** The digests are in the order of the functions; some workers send none. */
type Registered = { functions: readonly string[]; digests?: readonly string[] | undefined };

/** The keys of the functions of a worker: each is called by its name, or passed and found by its digest. */
export function keysOf({ functions, digests = [] }: Registered): Set<string> {
  return new Set([...functions, ...digests.map((digest) => functionKey({ name: "", digest }))]);
}

export function register(
  { state, effects }: StepContext,
  worker: Worker,
  { functions, digests = [] }: Registered,
): void {
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
    count(known);
  });
  for (const digest of new Set(digests)) {
    count(functionFor(state, { name: functions[digests.indexOf(digest)] ?? "", digest }));
  }
  if (differing.length === 0) return;
  const more = differing.length > namedAtMost ? ` and ${differing.length - namedAtMost} more` : "";
  effects.log(
    "warning",
    `start all workers with the same modules: ${worker.name} and ${other} have different functions ` +
      `under the same names, and it is left to chance which one runs: ` +
      `${differing.slice(0, namedAtMost).join(", ")}${more}`,
  );
}

function count(facts: FunctionFacts): void {
  if (facts.workers === 0) {
    facts.warned = false;
    facts.unknownSince = undefined;
  }
  facts.workers++;
  facts.wasRegistered = true;
}

/** A worker is gone, and its functions with it. */
export function unregister(state: State, worker: Worker): void {
  for (const key of worker.functions) {
    const facts = state.functions.get(key)!;
    if (--facts.workers > 0) continue;
    facts.warned = false;
    if (!facts.passed) state.registered.delete(key);
    forgetFunctionIfUnused(state, facts);
  }
}
