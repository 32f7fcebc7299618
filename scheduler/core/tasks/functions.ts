// Facts about each function: who has it, and how long its calls take. They are there while a worker has
// registered the function or a task calls it. A function has facts by its registered name, for calls by
// name, and by its digest, for calls of clients that passed the function itself.

import { createAsk, forgetAsk } from "../placement/rosters.ts";
import type { FunctionFacts, State } from "../state.ts";

/** How a message names a function; with a digest it was passed, and the name is for people. */
export type FunctionReference = { name: string; digest?: string | undefined };

export function functionKey({ name, digest }: FunctionReference): string {
  return digest === undefined ? name : `#${digest}`;
}

/** The reference that finds these facts. */
export function referenceTo({ name, passed, digest }: FunctionFacts): FunctionReference {
  return passed ? { name, digest } : { name };
}

export function functionFor(state: State, reference: FunctionReference): FunctionFacts {
  const key = functionKey(reference);
  let facts = state.functions.get(key);
  if (facts === undefined) {
    const made: Omit<FunctionFacts, "ask"> = {
      key,
      name: reference.name,
      passed: reference.digest !== undefined,
      meanMicros: undefined,
      workers: 0,
      wasRegistered: false,
      digest: reference.digest,
      digestOf: "",
      constraints: 0,
      tagged: new Set(),
      named: new Set(),
      warned: false,
      unknownSince: undefined,
    };
    facts = Object.assign(made, { ask: createAsk(state, made as FunctionFacts) });
    state.functions.set(key, facts);
  }
  return facts;
}

/** Whether both mean one function: by name and passed, or under two names. */
export function isSameFunction(one: FunctionFacts, other: FunctionFacts): boolean {
  return one === other || (one.digest !== undefined && one.digest === other.digest);
}

export function forgetFunctionIfUnused(state: State, facts: FunctionFacts): void {
  if (facts.workers > 0 || facts.constraints > 0) return;
  state.functions.delete(facts.key);
  forgetAsk(state, facts);
}

/** Updates the mean duration. Old calls fade: the newest sixteen or so make most of it. */
export function measure(facts: FunctionFacts, micros: number): void {
  const mean = facts.meanMicros;
  facts.meanMicros = mean === undefined ? micros : mean + (micros - mean) / 16;
}
