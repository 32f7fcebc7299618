// What tasks share, made once and counted: the spec of a call site, the requirement that says where
// it may run, and the facts about a function. Each goes when the last that used it goes.

import type { TaskOptions } from "../../src/protocol.ts";
import { createLane } from "./ready-queue.ts";
import type { Client, FunctionFacts, Requirement, Spec, State, Worker } from "./state.ts";

const noOptions: TaskOptions = {};

export function specFor(
  state: State,
  client: Client,
  name: string,
  options: TaskOptions = noOptions,
): Spec {
  const signature = options === noOptions ? name : `${name}\n${JSON.stringify(options)}`;
  const known = client.specs.get(signature);
  if (known) return known;
  const requirement = requirementFor(state, name, options);
  requirement.specs++;
  const priority = options.priority ?? 0;
  let lane;
  for (const other of client.specs.values()) {
    if (other.requirement === requirement && other.priority === priority) lane = other.lane;
  }
  lane ??= createLane(client, priority, requirement);
  const { function: facts } = requirement;
  const spec = { client, signature, options, priority, function: facts, requirement, lane, tasks: 0 };
  client.specs.set(signature, spec);
  return spec;
}

/** Called when a task of it is gone for good. */
export function leaveSpec(state: State, spec: Spec): void {
  spec.tasks--;
  if (spec.tasks > 0) return;
  spec.client.specs.delete(spec.signature);
  const { requirement } = spec;
  requirement.specs--;
  if (requirement.specs > 0) return;
  state.requirements.delete(requirement.signature);
  state.blocked.delete(requirement);
  requirement.function.requirements--;
  forgetFunctionIfUnused(state, requirement.function);
}

export function functionFor(state: State, name: string): FunctionFacts {
  let facts = state.functions.get(name);
  if (facts === undefined) {
    facts = { name, meanMicros: undefined, workers: 0, requirements: 0 };
    state.functions.set(name, facts);
  }
  return facts;
}

export function forgetFunctionIfUnused(state: State, facts: FunctionFacts): void {
  if (facts.workers === 0 && facts.requirements === 0) state.functions.delete(facts.name);
}

/** Whether this worker could run it if it had nothing else to do. */
export function couldRun(worker: Worker, requirement: Requirement): boolean {
  return whyNot(worker, requirement) === undefined;
}

/** What keeps this worker from ever running it; undefined when nothing does. */
export function whyNot(worker: Worker, requirement: Requirement): string | undefined {
  const { function: facts, workers, allowOtherWorkers, resources } = requirement;
  if (!worker.functions.has(facts.name)) return `has no function "${facts.name}"`;
  if (workers && !allowOtherWorkers && !isNamed(worker, workers)) {
    return "is not among the workers asked for";
  }
  for (const resource in resources) {
    const has = worker.resources[resource] ?? 0;
    const needs = resources[resource]!;
    if (has < needs) return `has ${has} of resource "${resource}" where ${needs} is needed`;
  }
  return undefined;
}

export function isNamed(worker: Worker, names: ReadonlySet<string>): boolean {
  return names.has(worker.name) || names.has(worker.host);
}

function requirementFor(state: State, name: string, options: TaskOptions): Requirement {
  const { workers, resources } = options;
  const allowOtherWorkers = options.allowOtherWorkers ?? false;
  const signature =
    workers || resources
      ? JSON.stringify([name, workers && [...workers].sort(), allowOtherWorkers, resources])
      : name;
  let requirement = state.requirements.get(signature);
  if (requirement === undefined) {
    requirement = {
      signature,
      function: functionFor(state, name),
      workers: workers && new Set(workers),
      allowOtherWorkers,
      resources,
      blocked: false,
      unschedulableSince: undefined,
      specs: 0,
    };
    requirement.function.requirements++;
    state.requirements.set(signature, requirement);
  }
  return requirement;
}
