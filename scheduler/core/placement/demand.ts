// The demand for workers: how many slots the tasks that are ready or running could use. Whoever starts
// workers asks for it.

import type { ParametersOf, ResultOf } from "../../../src/wire/requests.ts";
import type { Resources } from "../../../src/wire/protocol.ts";
import type { PlacementConstraint, State } from "../state.ts";
import type { Counter, Limit, Rate } from "./limits.ts";
import { isSchedulable } from "./unschedulable.ts";

type Demand = ResultOf<"demand">;

/** Most groups in an answer; what further tasks ask for besides slots is left out. */
const mostGroups = 100;

/**
 * The slots that could be used now, in groups of tasks that ask for the same resources. Short tasks
 * take part of a slot each: as many as one slot runs within `targetMs` count as one. Left out is what
 * more workers like those that are here would not help: tasks for certain workers, unschedulable ones, and
 * those that wait for their limits.
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
  const used = new Map<Counter | Rate, number>();
  for (const constraint of state.constraints.values()) {
    let ready = 0;
    for (const lane of constraint.lanes) ready += lane.ready;
    if (ready === 0 || isForCertainWorkers(constraint)) continue;
    if (isSomebodyHere && !isSchedulable(constraint)) continue;
    if (constraint.limit) ready = startable(constraint.limit, ready, { targetMs, used });
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

/** Of so many ready tasks, those that their limit lets start within `targetMs`, less what others use of it. */
function startable(
  { counter, maxRunning, rate }: Limit,
  ready: number,
  { targetMs, used }: { targetMs: number; used: Map<Counter | Rate, number> },
): number {
  const of = (part: Counter | Rate) => used.get(part) ?? 0;
  let most = ready;
  if (counter) most = Math.min(most, maxRunning - counter.running - of(counter));
  if (rate) most = Math.min(most, rate.count * Math.ceil(targetMs / rate.perMs) - of(rate));
  const started = Math.max(0, most);
  for (const part of [counter, rate]) if (part) used.set(part, of(part) + started);
  return started;
}

function isForCertainWorkers({ workers, allowOtherWorkers }: PlacementConstraint): boolean {
  return workers !== undefined && !allowOtherWorkers;
}

function signatureOf(resources: Resources): string {
  return JSON.stringify(Object.entries(resources).sort(([a], [b]) => (a < b ? -1 : 1)));
}
