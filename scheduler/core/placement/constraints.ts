// Placement constraints: what a call site says of where its tasks may run, and whether a worker meets
// it. Specs of all clients and priorities that ask for the same share one constraint.

import type { TaskOptions } from "../../../src/wire/protocol.ts";
import type { PlacementConstraint, State, Worker } from "../state.ts";
import {
  forgetFunctionIfUnused,
  functionFor,
  functionKey,
  type FunctionReference,
} from "../tasks/functions.ts";
import { enterLimit, leaveLimit, limitSignature } from "./limits.ts";
import { askFor, forgetAskIfUnused } from "./rosters.ts";
import { enterSite, leaveSite } from "./sites.ts";

/** Whether the worker could run such tasks if it had nothing else to do. */
export function couldRun(worker: Worker, constraint: PlacementConstraint): boolean {
  return constraint.ask.roster.workers.has(worker) && lacks(worker, constraint) === undefined;
}

/** A resource of which the worker has less than is needed. */
export function lacks(worker: Worker, { resources }: PlacementConstraint): string | undefined {
  for (const resource in resources) {
    if ((worker.resources[resource] ?? 0) < resources[resource]!) return resource;
  }
  return undefined;
}

/** Whether the worker is meant by one of these names, by its own or its host's. */
export function isNamed(worker: Worker, names: ReadonlySet<string>): boolean {
  return names.has(worker.name) || names.has(worker.host) || names.has(worker.id);
}

/** The constraint for these options of a function, for one spec more. */
export function enterConstraint(
  state: State,
  reference: FunctionReference,
  options: TaskOptions,
): PlacementConstraint {
  const { workers, resources } = options;
  const tags = options.tags && [...new Set(options.tags)].sort();
  const key = functionKey(reference);
  const limited = limitSignature(reference.name, options);
  const allowOtherWorkers = options.allowOtherWorkers ?? false;
  const signature =
    workers || resources || tags || limited
      ? JSON.stringify([
          ...[key, workers && [...workers].sort(), allowOtherWorkers],
          ...[resources, tags, limited],
        ])
      : `=${key}`;
  let constraint = state.constraints.get(signature);
  if (constraint === undefined) {
    const asked = {
      function: functionFor(state, reference),
      workers: workers && new Set(workers),
      allowOtherWorkers,
      tags,
    };
    const of = {
      ...{ ...asked, ask: askFor(state, asked), resources },
      limit:
        limited === undefined ? undefined : enterLimit(state, limited, reference.name, options),
    };
    const site = enterSite(state, of);
    constraint = { ...of, signature, site, lanes: new Set(), noFreeWorkerAt: undefined, specs: 0 };
    constraint.function.constraints++;
    constraint.ask.constraints.add(constraint);
    state.constraints.set(signature, constraint);
  }
  constraint.specs++;
  return constraint;
}

/** A spec is gone; the constraint goes with the last one. */
export function leaveConstraint(state: State, constraint: PlacementConstraint): void {
  constraint.specs--;
  if (constraint.specs > 0) return;
  state.constraints.delete(constraint.signature);
  leaveSite(state, constraint.site);
  const { function: facts, ask, limit } = constraint;
  ask.constraints.delete(constraint);
  forgetAskIfUnused(state, ask);
  if (limit) leaveLimit(state, limit);
  facts.constraints--;
  if (facts.constraints === 0) facts.warned = false;
  forgetFunctionIfUnused(state, facts);
}
