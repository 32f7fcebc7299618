// The end of waiting: whoever starts workers says that none will come. While no worker is here, what is
// ready then fails with the reason.

import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { Task } from "../state.ts";
import { fail } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { tasksOf } from "./lanes.ts";

/** A client says why no worker will come, or without a reason that workers may come again. */
export function expectNoWorkers(
  { state, effects }: StepContext,
  { reason }: ParametersOf<"expect-no-workers">,
): null {
  if (reason !== undefined && reason !== state.noMoreWorkers) {
    effects.log("error", `no worker will come: ${reason}`);
  }
  state.noMoreWorkers = reason;
  return null;
}

/** At the end of every step: fails what waits for a worker though none is here and none will come. */
export function failWithoutWorkers(step: StepContext): void {
  const { noMoreWorkers: reason, workers, counts, constraints } = step.state;
  if (reason === undefined || workers.size > 0) return;
  // Tasks that are retried become ready again only later.
  if (counts.ready === 0) return;
  const ready: Task[] = [];
  for (const { lanes } of constraints.values()) {
    for (const lane of lanes) if (lane.ready > 0) ready.push(...tasksOf(lane));
  }
  for (const task of ready) {
    if (task.state.at !== "ready") continue;
    const message = `no worker is here, and none will come: ${reason}`;
    const { key, spec } = task;
    fail(
      step,
      task,
      { code: "unschedulable", message, key, task: spec.function.name },
      "no workers",
    );
  }
}
