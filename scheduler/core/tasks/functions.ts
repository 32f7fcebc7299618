// Facts about each registered function: who has it, and how long its calls take. They are there while
// a worker has registered the function or a task calls it.

import type { FunctionFacts, State } from "../state.ts";

export function functionFor(state: State, name: string): FunctionFacts {
  let facts = state.functions.get(name);
  if (facts === undefined) {
    facts = {
      name,
      meanMicros: undefined,
      workers: 0,
      wasRegistered: false,
      digest: undefined,
      digestOf: "",
      constraints: 0,
      sites: new Set(),
      warned: false,
      unknownSince: undefined,
    };
    state.functions.set(name, facts);
  }
  return facts;
}

export function forgetFunctionIfUnused(state: State, facts: FunctionFacts): void {
  if (facts.workers === 0 && facts.constraints === 0) state.functions.delete(facts.name);
}

/** Updates the mean duration. Old calls fade: the newest sixteen or so make most of it. */
export function measure(facts: FunctionFacts, micros: number): void {
  const mean = facts.meanMicros;
  facts.meanMicros = mean === undefined ? micros : mean + (micros - mean) / 16;
}
