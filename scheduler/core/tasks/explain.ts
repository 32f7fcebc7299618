// Why a task is where it is: the sentence that says so, and the facts behind it.

import { describeDuration } from "../../../src/duration.ts";
import { formatSize } from "../../../src/size.ts";
import type { Explanation } from "../../../src/wire/facts.ts";
import { Refusal } from "../clients/answers.ts";
import { listOf } from "../structures/small-set.ts";
import { retentionsOf } from "../clients/retention.ts";
import { isOfSchedule } from "../schedules/schedules.ts";
import { isScattered } from "../values/lineage.ts";
import { holdersOf } from "../values/locating.ts";
import { couldRun } from "../placement/constraints.ts";
import { hasTime } from "../placement/dispatches.ts";
import { whyClosed } from "../placement/limits.ts";
import { whatIsMissing } from "../placement/unschedulable.ts";
import type { State, Task, TaskKey } from "../state.ts";
import { attemptOf } from "./attempts.ts";
import { isSettled, untilToldByWallClock } from "./lifecycle.ts";
import type { StepContext } from "./transition.ts";

/** The task of a key, or that there is none. */
export function explain(view: View, key: TaskKey): Explanation | Refusal {
  const task = view.state.tasks.get(key);
  if (task !== undefined) return explanationOf(view, task);
  const message = `no task has the key "${key}": it was cancelled or released, its keepMs is over, or it never was here`;
  return new Refusal({ code: "lost-data", message });
}

type View = Pick<StepContext, "state" | "now">;

function explanationOf(view: View, task: Task): Explanation {
  const { key, progress, losses, wantedBy, detachedBy } = task;
  const { at } = task.state;
  if (at === "new" || at === "forgotten") throw new Error(`a filed task is never ${at}`);
  const missing =
    at === "finished" || at === "released"
      ? []
      : (task.inputs ?? []).filter((input) => input.state.at !== "finished");
  return {
    key,
    function: task.spec.function.name,
    state: at,
    why: why(view, task, missing),
    attempt: attemptOf(task),
    ...(task.state.at === "running" && { worker: task.state.dispatch.worker.name }),
    ...(progress && { progress }),
    missingInputs: missing.slice(0, 100).map((input) => input.key),
    holders: holdersOf(task),
    dependents: listOf(task.dependents).length,
    wantedBy: [
      ...listOf(wantedBy).map(({ name }) => name),
      ...(detachedBy && isOfSchedule(detachedBy) ? [detachedBy.name] : []),
      ...retentionsOf(view.state, task).map(({ what }) => what),
      ...keepingOf(view, task),
    ],
    losses: [...(losses ?? [])],
    history: view.state.history.of(key),
  };
}

/** Until when a task is held back, by the clock of the core. */
function heldUntil({ wallAheadMs }: State, task: Task, until: number): number {
  return until === untilToldByWallClock ? task.spec.options.startAt! - wallAheadMs : until;
}

function why({ state, now }: View, task: Task, missing: readonly Task[]): string {
  const current = task.state;
  switch (current.at) {
    case "waiting":
      if (missing.length > 0) {
        const [first] = missing;
        return `it waits for ${missing.length} of its inputs; ${first!.key} is ${first!.state.at}`;
      }
      if (current.until === undefined) return whyParked(task);
      return `it is held back for another ${describeDuration(Math.ceil(heldUntil(state, task, current.until) - now))}`;
    case "ready":
      return whyStillReady(state, now, task);
    case "running": {
      const { worker, started, lent, inside } = current.dispatch;
      const attempt = attemptOf(task);
      const link = worker.awayUntil === undefined ? "" : ", whose link is down";
      const { counter } = task.spec.constraint.limit ?? {};
      if (counter?.regaining.has(current.dispatch)) {
        const { name, maxRunning } = task.spec.constraint.limit!;
        return `attempt ${attempt} on worker ${worker.name}${link} has what it waited for, and goes on when fewer than ${maxRunning} run under its limit "${name}"`;
      }
      if (lent) {
        const missing = [...(inside?.within?.wants ?? [])].filter((each) => !isSettled(each));
        const forWhat =
          missing.length === 0 ? "" : ` for its sub-tasks, ${missing[0]!.key} for one,`;
        return `attempt ${attempt} waits${forWhat} on worker ${worker.name}${link}, and has lent its slot`;
      }
      if (started) return `attempt ${attempt} is executing on worker ${worker.name}${link}`;
      return `attempt ${attempt} was sent to worker ${worker.name}${link}`;
    }
    case "finished":
      return `it finished; its value of ${formatSize(current.bytes)} is kept ${placeOf(task)} while somebody needs it`;
    case "released":
      return "it finished and its value was let go; it is remembered because what was made of it may be lost";
    case "failed":
      return `it failed: ${current.failure.message}`;
    case "cancelled":
      return current.reason === undefined
        ? "it was cancelled"
        : `it was cancelled: ${current.reason}`;
    case "new":
    case "forgotten":
      return "";
  }
}

/** What its `keepMs` keeps it for. */
function keepingOf({ state, now }: View, task: Task): string[] {
  const kept = state.kept.get(task);
  if (kept === undefined) return [];
  const { keepMs, until } = kept;
  if (until === undefined) return [`keepMs: for ${describeDuration(keepMs)} from its end`];
  return [`keepMs: for another ${describeDuration(Math.max(0, until - now))}`];
}

function whyParked(task: Task): string {
  if (isScattered(task)) return "its value is on its way";
  return "it was lost with others, any of which may be the cause, and waits to run apart from them";
}

function placeOf({ state }: Task): string {
  if (state.at !== "finished" || state.holders === undefined) return "by the scheduler";
  const names = Array.from(state.holders, ({ name }) => name);
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `on worker ${names.slice(0, 5).join(", ")}${more}`;
}

function whyStillReady(state: State, now: number, task: Task): string {
  const { spec } = task;
  const { constraint } = spec;
  const missing = whatIsMissing(state, constraint);
  if (missing !== undefined) return missing;
  const closed = constraint.limit && whyClosed(now, constraint.limit);
  if (closed !== undefined) return closed;
  const free = [...state.free].filter((worker) => couldRun(worker, spec.constraint));
  const [ending] = free.filter((worker) => !hasTime(now, worker, task));
  if (ending !== undefined) {
    const leftMs = Math.max(0, ending.endsAt! - now);
    const takesMs = spec.function.meanMicros! / 1_000;
    return `it takes about ${describeDuration(takesMs)}, and worker ${ending.name}, which is free, ends in ${describeDuration(leftMs)}`;
  }
  const paused = [...state.workers.values()].filter((worker) => worker.paused !== undefined);
  const full = paused.length === 0 ? "" : `, or paused (${paused[0]!.name}: ${paused[0]!.paused!})`;
  const { size } = state.ready;
  const ready = size === 1 ? "1 task is ready" : `${size} tasks are ready`;
  return `every worker that may run it is busy${full}; ${ready} in all`;
}
