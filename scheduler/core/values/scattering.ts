// Scattering: a client sends a value that becomes a task's result, as if a call had returned it. A
// small one stays in the scheduler. A large one the client sends to a worker, and other workers fetch
// replicas from there when the client asked for a broadcast.

import { formatSize } from "../../../src/size.ts";
import type { ParametersOf, ResultOf } from "../../../src/wire/requests.ts";
import { answer, later, refuse, Refusal, type Asked } from "../clients/answers.ts";
import { addWant, forEachWanting } from "../clients/wants.ts";
import type { Client, State, Task, Worker } from "../state.ts";
import { createTask, fail, finish } from "../tasks/lifecycle.ts";
import { isNamed } from "../placement/constraints.ts";
import { specFor } from "../tasks/specs.ts";
import { transition, type StepContext } from "../tasks/transition.ts";
import { canTakeReplicas, requestReplica } from "./replication.ts";
import { isScattered, scatteredName } from "./lineage.ts";
import { listOf } from "../structures/small-set.ts";
import { addScatter, noLonger, removeScatter, type Scatter } from "./scatters.ts";

type Parameters = ParametersOf<"scatter">;

/** State of a scattered task until its value has come. */
const awaitingValue = { at: "waiting", missing: 0, until: undefined } as const;
/** The only attempt of a scattered task: its sending. */
const scatteredAttempt = 1;

export function scatter(
  step: StepContext,
  asked: Asked<"scatter">,
  parameters: Parameters,
): ResultOf<"scatter"> | Refusal | typeof later {
  const { state, effects } = step;
  const { client } = asked;
  const { key, value, bytes } = parameters;
  const refusal = (code: string, message: string) => new Refusal({ code, message, key });
  const existing = state.tasks.get(key);
  if (existing && !isSentBefore(existing, client)) {
    return refusal("key-conflict", `choose another key: "${key}" is in use`);
  }
  if (existing?.state.at === "cancelled") {
    return refusal("task-cancelled", `scatter it again: "${key}" was cancelled`);
  }
  if (value !== undefined && existing === undefined) {
    const task = createScattered(step, client, key);
    finish(step, task, value, "scattered");
    return { at: "scheduler" };
  }
  // A task scatters to its own worker if that can take it: there the value is already.
  const chosen = chooseWorkers(state, parameters, client.within?.dispatch.worker);
  if (typeof chosen === "string") return refusal("unschedulable", chosen);
  const task = existing ?? createScattered(step, client, key);
  if (task.state.at === "failed") awaitAgain(step, task);
  const isHere = task.state.at === "finished";
  // An earlier sending may have arrived after all; then only a broadcast needs more replicas.
  const missing = isHere && !parameters.broadcast ? [] : chosen;
  addScatter(state, { asked, task, workers: new Set(missing), toAsk: new Set(missing) });
  if (isHere) return later;
  effects.send(client, {
    type: "located",
    key,
    order: task.order,
    attempt: scatteredAttempt,
    bytes,
    from: chosen.slice(0, 1).map(({ address }) => address!),
  });
  return later;
}

/** The client cancels or releases a value it has not sent: the task fails for all others. */
export function abandonScatter(step: StepContext, task: Task, client: Client): void {
  if (task.state.at !== "waiting" || !isScattered(task) || task.spec.client !== client) return;
  const message = `scatter it again: the client that was to send the value of "${task.key}" did not`;
  fail(step, task, { code: "lost-data", message, key: task.key }, "not sent");
}

/** The value was lost after it had come, and its client, which has it, sends it once more. */
function awaitAgain(step: StepContext, task: Task): void {
  transition(step, task, { ...awaitingValue }, "its value is sent again");
  forEachWanting(task, (client) => step.effects.reopened(client, task.key));
}

/** The worker is gone: a value that a client was sending to it has to be sent again. */
export function stopScattersTo(step: StepContext, worker: Worker): void {
  const { scatters } = step.state;
  for (const scatter of listOf(scatters.byWorker.get(worker))) {
    const [target] = scatter.workers;
    noLonger(step.state, scatter, worker);
    if (target === worker && scatter.task.state.at === "waiting") {
      const words = `scatter it again: the worker that "${scatter.task.key}" was sent to was lost`;
      failScatter(step, scatter, "unschedulable", words);
    }
  }
}

/** At the end of every step: requests the replicas that are missing, and answers when all are there. */
export function advanceScatters(step: StepContext): void {
  const { state } = step;
  const { changed } = state.scatters;
  if (changed.size === 0) return;
  const looking = [...changed];
  changed.clear();
  for (const scatter of looking) {
    const { task, asked, workers } = scatter;
    const { at } = task.state;
    if (asked.client.gone) {
      removeScatter(state, scatter);
    } else if (at === "cancelled" || at === "forgotten") {
      const words = `scatter it again: "${task.key}" was cancelled while its value was sent`;
      failScatter(step, scatter, "task-cancelled", words);
    } else if (at === "failed") {
      const words = `scatter it again: the value of "${task.key}" was lost before all had it`;
      failScatter(step, scatter, "unschedulable", words);
    } else if (at !== "waiting") {
      if (at === "finished") requestMissing(step, scatter);
      if (at === "finished" && workers.size > 0) continue;
      removeScatter(state, scatter);
      answer(step, asked, { at: "workers" });
    }
  }
}

function requestMissing(step: StepContext, scatter: Scatter): void {
  const { task, toAsk } = scatter;
  const { workers, scatters } = step.state;
  for (const worker of [...toAsk]) {
    const isHolder = task.state.at === "finished" && task.state.holders?.has(worker) === true;
    if (isHolder || !workers.has(worker.id)) noLonger(step.state, scatter, worker);
    else requestReplica(step, task, worker);
  }
  toAsk.clear();
  scatters.changed.delete(scatter);
}

function failScatter(step: StepContext, scatter: Scatter, code: string, message: string): void {
  const { asked, task } = scatter;
  removeScatter(step.state, scatter);
  refuse(step, asked, { code, message, key: task.key });
}

/** Whether the same client began to send this before: it tries again when it was cut off. */
function isSentBefore(task: Task, client: Client): boolean {
  if (!isScattered(task) || task.spec.client !== client) return false;
  return task.state.at !== "finished" || task.state.holders !== undefined;
}

function createScattered(step: StepContext, client: Client, key: string): Task {
  const spec = specFor(step.state, client, { name: scatteredName });
  const task = createTask(step, spec, { key, args: "[]", inputKeys: undefined });
  task.attempt = scatteredAttempt;
  addWant(step, task, client);
  transition(step, task, { ...awaitingValue }, "its value is sent");
  return task;
}

/** The workers that are to have the value, the one to send it to first; or why there are none. */
function chooseWorkers(
  state: State,
  { workers, broadcast, bytes }: Pick<Parameters, "workers" | "broadcast" | "bytes">,
  own: Worker | undefined,
): Worker[] | string {
  const names = workers && new Set(workers);
  const able = [...state.workers.values()].filter(
    (worker) => canTakeReplicas(worker) && (names === undefined || isNamed(worker, names)),
  );
  if (able.length === 0) {
    const which = names ? ` named ${[...names].slice(0, 5).join(" or ")}` : "";
    return `start a worker: none${which} is here to hold the scattered value`;
  }
  const fitting = able.filter(({ memoryBytes }) => bytes <= memoryBytes);
  if (fitting.length === 0) {
    return `raise --memory-limit, or split the value: its ${formatSize(bytes)} are more than any worker may have in memory`;
  }
  const weightOf = (worker: Worker) => (worker === own ? -1 : worker.heldBytes);
  fitting.sort((a, b) => weightOf(a) - weightOf(b));
  return broadcast ? fitting : fitting.slice(0, 1);
}
