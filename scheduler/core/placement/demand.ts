// The demand for workers: how many slots the tasks that are ready or running could use. Whoever starts
// workers asks for it.

import type { ParametersOf, ResultOf } from "../../../src/wire/requests.ts";
import type { Resources } from "../../../src/wire/protocol.ts";
import type { PlacementConstraint, State } from "../state.ts";
import { isSchedulable } from "./unschedulable.ts";

type Demand = ResultOf<"demand">;

/** Most groups in an answer; what further tasks ask for besides slots is left out. */
const mostGroups = 100;

/**
 * The slots that could be used now, in groups of tasks that ask for the same resources. Short tasks
 * take part of a slot each: as many as one slot runs within `targetMs` count as one. Left out is what
 * more workers like those that are here would not help: tasks for certain workers, and unschedulable ones.
 */
export function demandFor(
  { state, now }: { state: State; now: number },
  { targetMs }: ParametersOf<"demand">,
): Demand {
  const groups = new Map<string, { slots: number; resources?: Resources }>();
  const add = (slots: number, resources: Resources | undefined): void => {
    const signature = resources === undefined ? "" : signatureOf(resources);
    const found = groups.get(signature);
    if (found) found.slots += slots;
    else if (resources === undefined || groups.size < mostGroups) {
      groups.set(signature, { slots, ...(resources && { resources }) });
    } else add(slots, undefined);
  };
  const targetMicros = targetMs * 1_000;
  const isSomebodyHere = [...state.workers.values()].some(({ leaving }) => !leaving);
  for (const constraint of state.constraints.values()) {
    let ready = 0;
    for (const lane of constraint.lanes) ready += lane.ready;
    if (ready === 0 || isForCertainWorkers(constraint)) continue;
    if (isSomebodyHere && !isSchedulable(state, constraint)) continue;
    const { meanMicros = targetMicros } = constraint.function;
    add(ready * Math.min(1, meanMicros / targetMicros), constraint.resources);
  }
  for (const { dispatches } of state.workers.values()) {
    for (const { lent, started, at, task } of dispatches.values()) {
      if (lent) continue;
      const { constraint } = task.spec;
      const { meanMicros = targetMicros } = constraint.function;
      // One that runs longer than others of its function is a long one.
      const micros = started ? Math.max(meanMicros, (now - at) * 1_000) : meanMicros;
      add(Math.min(1, micros / targetMicros), constraint.resources);
    }
  }
  return [...groups.values()];
}

function isForCertainWorkers({ workers, allowOtherWorkers }: PlacementConstraint): boolean {
  return workers !== undefined && !allowOtherWorkers;
}

function signatureOf(resources: Resources): string {
  return JSON.stringify(Object.entries(resources).sort(([a], [b]) => (a < b ? -1 : 1)));
}
