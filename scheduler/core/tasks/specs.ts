// What tasks share, made once and counted: the spec of a call site, the constraint that says where
// it may run, and the facts about a function. Each goes when the last that used it goes.

import type { TaskOptions } from "../../../src/wire/protocol.ts";
import { enterRunHeads, leaveRunHeads } from "./run-heads.ts";
import { createLane } from "../placement/lanes.ts";
import { enterSite, leaveSite, watchNames, unwatchNames } from "../placement/sites.ts";
import type { Client, FunctionFacts, PlacementConstraint, Spec, State, Worker } from "../state.ts";

const noOptions: TaskOptions = {};

export function specFor(
  state: State,
  client: Client,
  name: string,
  options: TaskOptions = noOptions,
): Spec {
  const signature = options === noOptions ? `=${name}` : JSON.stringify([name, options]);
  const known = client.specs.get(signature);
  if (known) return known;
  const constraint = constraintFor(state, name, options);
  constraint.specs++;
  // What a task submits is as urgent as itself, and stands in the queue of the program it is for.
  const { root = client, depth = 0, dispatch } = client.within ?? {};
  const priority = options.priority ?? dispatch?.task.spec.priority ?? 0;
  const laneName = `${priority} ${depth} ${constraint.signature}`;
  let lane = root.lanes.get(laneName);
  if (lane === undefined) {
    lane = createLane({ client: root, name: laneName, priority, depth, constraint });
    root.lanes.set(laneName, lane);
    constraint.lanes.add(lane);
    state.ready.attach(lane);
  }
  lane.specs++;
  const { function: facts } = constraint;
  const said = {
    client,
    signature,
    options,
    priority,
    function: facts,
    constraint,
    lane,
    tasks: 0,
  };
  const spec: Spec = { ...said, heads: enterRunHeads(state, said) };
  client.specs.set(signature, spec);
  return spec;
}

/** Called when a task of it is gone for good. */
export function leaveSpec(state: State, spec: Spec): void {
  spec.tasks--;
  if (spec.tasks > 0) return;
  const { client, lane, constraint } = spec;
  client.specs.delete(spec.signature);
  leaveRunHeads(state, spec.heads);
  lane.specs--;
  if (lane.specs === 0) {
    lane.client.lanes.delete(lane.name);
    constraint.lanes.delete(lane);
    state.ready.detach(lane);
  }
  constraint.specs--;
  if (constraint.specs > 0) return;
  state.constraints.delete(constraint.signature);
  unwatchNames(state, constraint);
  leaveSite(state, constraint.site);
  const { function: facts } = constraint;
  facts.constraints--;
  if (facts.constraints === 0) facts.warned = false;
  forgetFunctionIfUnused(state, facts);
}

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

/** Whether this worker could run it if it had nothing else to do. */
export function couldRun(worker: Worker, constraint: PlacementConstraint): boolean {
  if (!worker.functions.has(constraint.function.name)) return false;
  return isAskedFor(worker, constraint) && lackedBy(worker, constraint) === undefined;
}

/** What keeps this worker from ever running it; undefined when nothing does. */
export function whyNot(worker: Worker, constraint: PlacementConstraint): string | undefined {
  const { name } = constraint.function;
  if (!worker.functions.has(name)) return `has no function "${name}"`;
  if (!isAskedFor(worker, constraint)) return "is not among the workers asked for";
  const resource = lackedBy(worker, constraint);
  if (resource === undefined) return undefined;
  const has = worker.resources[resource] ?? 0;
  return `has ${has} of resource "${resource}" where ${constraint.resources?.[resource]} is needed`;
}

function isAskedFor(worker: Worker, { workers, allowOtherWorkers }: PlacementConstraint): boolean {
  return workers === undefined || allowOtherWorkers || isNamed(worker, workers);
}

/** Whether somebody here who stays could run it some day. */
export function isSchedulable(state: State, constraint: PlacementConstraint): boolean {
  if (constraint.function.workers === 0) return false;
  for (const worker of constraint.site.workers ?? state.workers.values()) {
    if (!worker.leaving && couldRun(worker, constraint)) return true;
  }
  return false;
}

/** A resource of which it has less than is needed. */
function lackedBy(worker: Worker, { resources }: PlacementConstraint): string | undefined {
  for (const resource in resources) {
    if ((worker.resources[resource] ?? 0) < resources[resource]!) return resource;
  }
  return undefined;
}

export function isNamed(worker: Worker, names: ReadonlySet<string>): boolean {
  return names.has(worker.name) || names.has(worker.host) || names.has(worker.id);
}

function constraintFor(state: State, name: string, options: TaskOptions): PlacementConstraint {
  const { workers, resources } = options;
  const allowOtherWorkers = options.allowOtherWorkers ?? false;
  const signature =
    workers || resources
      ? JSON.stringify([name, workers && [...workers].sort(), allowOtherWorkers, resources])
      : `=${name}`;
  let constraint = state.constraints.get(signature);
  if (constraint === undefined) {
    const of = {
      function: functionFor(state, name),
      workers: workers && new Set(workers),
      allowOtherWorkers,
      resources,
    };
    const site = enterSite(state, of);
    constraint = { ...of, signature, site, lanes: new Set(), noneFreeAt: undefined, specs: 0 };
    constraint.function.constraints++;
    watchNames(state, constraint);
    state.constraints.set(signature, constraint);
  }
  return constraint;
}
