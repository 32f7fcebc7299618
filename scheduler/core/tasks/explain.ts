// Answers to questions: plain facts for `info`, `workers` and `explain`, and the sentence that says
// why a task is where it is.

import type { Explanation, SchedulerInfo, WorkerInfo } from "../../../src/facts.ts";
import type { FromClient, ToClient } from "../../../src/wire/protocol.ts";
import { listOf } from "../structures/small-set.ts";
import { retentionsOf } from "../clients/retention.ts";
import { holdersOf } from "../values/locating.ts";
import { whatIsMissing } from "../placement/unschedulable.ts";
import type { State, Task, Worker } from "../state.ts";
import { isSettled } from "./lifecycle.ts";
import type { StepContext } from "./transition.ts";

type Ask = Extract<FromClient, { type: "ask" }>;
type Answer = Extract<ToClient, { type: "answer" }>;

export function answer(step: StepContext, { id, about, key }: Ask): Answer {
  const { state } = step;
  switch (about) {
    case "info":
      return { type: "answer", id, facts: info(state) };
    case "workers":
      return { type: "answer", id, facts: [...state.workers.values()].map(workerInfo) };
    case "explain": {
      const task = state.tasks.get(key ?? "");
      if (task) return { type: "answer", id, facts: explain(step, task) };
      const message = `no task has the key "${key ?? ""}": it was cancelled or released, or it never was here`;
      return { type: "answer", id, failure: { code: "lost-data", message } };
    }
  }
}

function info(state: State): SchedulerInfo {
  const { counts, totals, workers, clients, registered, published } = state;
  const { waiting, ready, running, finished, released, failed, cancelled } = counts;
  let slots = 0;
  for (const worker of workers.values()) slots += worker.slots;
  return {
    tasks: { waiting, ready, running, finished, released, failed, cancelled },
    totals: { ...totals },
    workers: workers.size,
    clients: clients.size,
    slots,
    functions: [...registered].sort(),
    published: [...published.keys()].sort(),
  };
}

function workerInfo(worker: Worker): WorkerInfo {
  const { id, name, host, pid, threads, slots, finished, joinedAt, leaving, awayUntil } = worker;
  const resources: WorkerInfo["resources"] = {};
  for (const [resource, total] of Object.entries(worker.resources)) {
    resources[resource] = { total, used: worker.used[resource] ?? 0 };
  }
  const isUp = awayUntil === undefined;
  const status = leaving ? "leaving" : !isUp ? "away" : worker.paused ? "paused" : "up";
  const tasks = worker.dispatches.size;
  const functions = [...worker.functions].sort();
  return {
    id,
    name,
    host,
    pid,
    threads,
    slots,
    tasks,
    finished,
    resources,
    functions,
    status,
    held: { results: worker.holds.size, bytes: worker.heldBytes },
    joinedAt,
  };
}

function explain(step: StepContext, task: Task): Explanation {
  const { key, attempt, progress, losses, wantedBy } = task;
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
    why: why(step, task, missing),
    attempt,
    worker: task.state.at === "running" ? task.state.dispatch.worker.name : undefined,
    progress,
    missingInputs: missing.slice(0, 100).map((input) => input.key),
    holders: holdersOf(task),
    dependents: listOf(task.dependents).length,
    wantedBy: [
      ...listOf(wantedBy).map(({ name }) => name),
      ...retentionsOf(step.state, task).map(({ what }) => what),
    ],
    losses: [...(losses ?? [])],
    history: step.state.history.of(key),
  };
}

function why({ state, now }: StepContext, task: Task, missing: readonly Task[]): string {
  const current = task.state;
  switch (current.at) {
    case "waiting":
      if (missing.length > 0) {
        const [first] = missing;
        return `it waits for ${missing.length} of its inputs; ${first!.key} is ${first!.state.at}`;
      }
      return `it is held back for another ${Math.ceil((current.until ?? now) - now)} ms`;
    case "ready":
      return whyStillReady(state, task);
    case "running": {
      const { worker, started, attempt, lent, inside } = current.dispatch;
      const link = worker.awayUntil === undefined ? "" : ", whose link is down";
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
      return `it finished; its value of ${current.bytes} bytes is kept ${placeOf(task)} while somebody needs it`;
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

function placeOf({ state }: Task): string {
  if (state.at !== "finished" || state.holders === undefined) return "by the scheduler";
  const names = Array.from(state.holders, ({ name }) => name);
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `on worker ${names.slice(0, 5).join(", ")}${more}`;
}

function whyStillReady(state: State, { spec }: Task): string {
  const missing = whatIsMissing(state, spec.constraint);
  if (missing !== undefined) return missing;
  const paused = [...state.workers.values()].filter((worker) => worker.paused !== undefined);
  const full = paused.length === 0 ? "" : `, or paused (${paused[0]!.name}: ${paused[0]!.paused!})`;
  return `every worker that may run it is busy${full}; ${state.ready.size} tasks are ready in all`;
}
