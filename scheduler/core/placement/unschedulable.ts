// Tasks that nobody here could ever run: it is logged, and those of a name that no worker ever
// registered fail after a while. Said once for a function, however many of its tasks wait.

import { tasksOf } from "./lanes.ts";
import { whatIsMissing } from "./missing.ts";
import type { FunctionFacts, PlacementConstraint, State } from "../state.ts";
import { fail } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";

export function warnOfUnschedulable(step: StepContext, constraint: PlacementConstraint): void {
  const { state, now, effects } = step;
  const { function: facts } = constraint;
  if (state.workers.size === 0) return;
  if (facts.workers === 0 && !facts.wasRegistered && facts.unknownSince === undefined) {
    facts.unknownSince = now;
    const at = now + state.options.unknownTaskTimeoutMs;
    state.timers.add({ at, due: "unknown-name", function: facts });
  }
  if (facts.warned) return;
  facts.warned = true;
  effects.log("warning", wordsFor(state, constraint));
}

function wordsFor(state: State, constraint: PlacementConstraint): string {
  const { name, workers, wasRegistered } = constraint.function;
  if (workers > 0) {
    const why = whatIsMissing(state, constraint) ?? "they ask too much";
    return `no worker here could ever run tasks of "${name}" as they ask: ${why}; they wait`;
  }
  if (wasRegistered) return `no worker that registered "${name}" is left; its tasks wait for one`;
  const near = orDidYouMean(state, name);
  return `no worker here has registered "${name}"${near}; its tasks wait`;
}

/** Tasks of a name that nobody registered have waited long enough since the newest worker came. */
export function failUnknownName(step: StepContext, facts: FunctionFacts): void {
  const { state, now } = step;
  const { name, wasRegistered, unknownSince } = facts;
  if (state.functions.get(name) !== facts || wasRegistered || unknownSince === undefined) return;
  const at = Math.max(unknownSince, state.lastJoinAt) + state.options.unknownTaskTimeoutMs;
  if (at > now) {
    state.timers.add({ at, due: "unknown-name", function: facts });
    return;
  }
  // From here on it is as if its tasks were new: the next ones, or the next worker, start again.
  facts.unknownSince = undefined;
  if (state.workers.size === 0) return;
  facts.warned = false;
  const message = `no worker has registered a function "${name}"${orDidYouMean(state, name)}`;
  // Failing one may be the end of others, and of their lanes and sites.
  for (const site of [...facts.sites]) {
    for (const { lanes } of [...site.places]) {
      for (const lane of [...lanes, ...site.aside]) {
        for (const task of [...tasksOf(lane)]) {
          if (task.state.at !== "ready") continue;
          const failure = { code: "unknown-task", message, key: task.key, task: name };
          fail(step, task, failure, "unknown name");
        }
      }
    }
  }
}

function orDidYouMean(state: State, name: string): string {
  const near = state.options.nearestNames(name, state.registered);
  return near.length === 0 ? "" : `; did you mean ${near.map((name) => `"${name}"`).join(" or ")}?`;
}
