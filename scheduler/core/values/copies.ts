// Replication that workers are asked to fetch: of values that clients scatter, and of what a worker that
// leaves is the last to hold. A worker that leaves is let go when nothing is needed of it any more.

import { loseReplica } from "./recompute.ts";
import { isNamed, specFor } from "../tasks/specs.ts";
import type { Client, ScatterQuestion, State, Task, Worker } from "../state.ts";
import { createTask, fail, finish, finishHeld } from "../tasks/lifecycle.ts";
import { transition, type StepContext } from "../tasks/transition.ts";
import { addReplica } from "./values.ts";
import type { FromClient, FromWorker } from "../../../src/wire/protocol.ts";
import { addWant } from "../clients/wants.ts";

/** In place of a function's name: no module can export a function of this one. */
const scatteredName = "scatter()";
/** Replication under way at once for a worker that leaves. */
const mostAtOnce = 64;

export function isScattered({ spec }: Task): boolean {
  return spec.function.name === scatteredName;
}

type Message<From, Type> = Extract<From, { type: Type }>;

// ── Scattering ───────────────────────────────────────────────────────────────────────────────────

/** A client has a value that is to become a task's. */
export function scatter(
  step: StepContext,
  client: Client,
  message: Message<FromClient, "scatter">,
): void {
  const { state, effects } = step;
  const { id, key, value, bytes } = message;
  const refuse = (code: string, words: string) =>
    effects.send(client, { type: "answer", id, failure: { code, message: words, key } });
  const existing = state.tasks.get(key);
  if (existing && !isOwnSending(existing, client)) {
    return refuse("key-conflict", `choose another key: "${key}" is in use`);
  }
  if (existing?.state.at === "failed" || existing?.state.at === "cancelled") {
    return refuse("lost-data", `scatter it again: the value of "${key}" came, and is gone`);
  }
  if (value !== undefined && existing === undefined) {
    const task = createScattered(step, client, key);
    transition(step, task, { ...sent }, "scattered");
    finish(step, task, value, "scattered");
    return effects.send(client, { type: "answer", id, facts: { at: "scheduler" } });
  }
  const chosen = chooseForScatter(state, message);
  if (typeof chosen === "string") return refuse("unschedulable", chosen);
  const task = existing ?? createScattered(step, client, key);
  if (existing === undefined) transition(step, task, { ...sent }, "its value is sent");
  const isHere = task.state.at === "finished";
  // An earlier sending may have come to its end after all, and needs no other copy then.
  const missing = isHere && !message.broadcast ? [] : chosen;
  state.copies.waiting.add({ client, id, task, workers: new Set(missing) });
  if (isHere) return;
  effects.send(client, {
    type: "located",
    key,
    order: task.order,
    attempt: scatteredAttempt,
    bytes,
    from: chosen.slice(0, 1).map(({ address }) => address!),
  });
}

/** What this client has been sending: it tries again when it does not know that the value came. */
function isOwnSending(task: Task, client: Client): boolean {
  if (!isScattered(task) || task.spec.client !== client) return false;
  return task.state.at !== "finished" || task.state.holders !== undefined;
}

/** Until its value has come. */
const sent = { at: "waiting", missing: 0, until: undefined } as const;
/** The only attempt of a scattered value: its sending. */
const scatteredAttempt = 1;

function createScattered(step: StepContext, client: Client, key: string): Task {
  const spec = specFor(step.state, client, scatteredName);
  const task = createTask(step, spec, { key, args: "[]", inputKeys: undefined });
  task.attempt = scatteredAttempt;
  addWant(task, client);
  return task;
}

/** The client that was to send the value will not: who else needs it waits in vain. */
export function giveUp(step: StepContext, task: Task, client: Client): void {
  if (task.state.at !== "waiting" || !isScattered(task) || task.spec.client !== client) return;
  const message = `scatter it again: the client that was to send the value of "${task.key}" did not`;
  fail(step, task, { code: "lost-data", message, key: task.key }, "not sent");
}

/** The workers that are to have it, the one to send it to first; or why there are none. */
function chooseForScatter(
  state: State,
  { workers, broadcast, bytes }: Message<FromClient, "scatter">,
): Worker[] | string {
  const names = workers && new Set(workers);
  const able = [...state.workers.values()].filter((worker) => canTake(worker, names));
  if (able.length === 0) {
    const which = names ? ` named ${[...names].slice(0, 5).join(" or ")}` : "";
    return `start a worker: none${which} is here to hold the scattered value`;
  }
  const fitting = able.filter(({ memoryBytes }) => bytes <= memoryBytes);
  if (fitting.length === 0) {
    return `raise --memory-limit, or split the value: its ${bytes} bytes are more than any worker may have in memory`;
  }
  fitting.sort((a, b) => a.heldBytes - b.heldBytes);
  return broadcast ? fitting : fitting.slice(0, 1);
}

function canTake(worker: Worker, names?: ReadonlySet<string>): boolean {
  const { awayUntil, leaving, paused, address } = worker;
  if (awayUntil !== undefined || leaving || paused !== undefined) return false;
  return address !== undefined && (names === undefined || isNamed(worker, names));
}

// ── What workers say of copies ───────────────────────────────────────────────────────────────────

/** They have copies now; of a value that is not needed any more, or was made again, they need not. */
export function hearHeld(
  step: StepContext,
  worker: Worker,
  held: Message<FromWorker, "held">,
): void {
  const { state, effects } = step;
  for (const [index, key] of held.keys.entries()) {
    const order = held.orders[index]!;
    const attempt = held.attempts[index]!;
    const task = state.tasks.get(key);
    const isMeant = task?.order === order && task.attempt === attempt;
    if (isMeant && task.state.at === "finished" && task.state.holders !== undefined) {
      addReplica(task, worker);
    } else if (isMeant && task.state.at === "waiting" && isScattered(task)) {
      finishHeld(step, task, held.bytes[index]!, worker);
    } else {
      effects.free(worker, key, order, attempt);
    }
    if (task) answered(state, task, worker);
  }
}

/** A copy that was asked for is not to be had: some of those who were to hold it do not. */
export function hearNoCopy(
  step: StepContext,
  worker: Worker,
  { key, order, attempt, lacking }: Message<FromWorker, "missing">,
): void {
  const task = step.state.tasks.get(key);
  if (task?.order !== order || task.attempt !== attempt) return;
  answered(step.state, task, worker);
  loseLacking(step, task, lacking);
}

/** Those at these addresses said that they do not have the value. */
export function loseLacking(step: StepContext, task: Task, lacking: readonly string[]): void {
  if (task.state.at !== "finished") return;
  for (const holder of [...(task.state.holders ?? [])]) {
    if (holder.address !== undefined && lacking.includes(holder.address)) {
      loseReplica(step, task, holder);
    }
  }
}

function answered({ copies }: State, task: Task, worker: Worker): void {
  const asked = copies.wanted.get(task);
  if (asked?.delete(worker) && asked.size === 0) copies.wanted.delete(task);
}

function ask({ state, effects }: StepContext, task: Task, worker: Worker): void {
  const asked = state.copies.wanted.get(task);
  if (asked?.has(worker)) return;
  if (asked) asked.add(worker);
  else state.copies.wanted.set(task, new Set([worker]));
  effects.copy(worker, task);
}

/** A worker is gone: what it was asked for is asked of others. */
export function forgetCopies(step: StepContext, worker: Worker): void {
  const { copies } = step.state;
  for (const [task, asked] of copies.wanted) {
    if (asked.delete(worker) && asked.size === 0) copies.wanted.delete(task);
  }
  for (const question of copies.waiting) {
    // The first is the one that the client sends the value to.
    const [target] = question.workers;
    question.workers.delete(worker);
    if (target === worker && question.task.state.at === "waiting") {
      const words = `the worker that "${question.task.key}" was sent to is lost`;
      refuse(step, question, "unschedulable", words);
    }
  }
  const leaving = copies.leaving.get(worker);
  copies.leaving.delete(worker);
  for (const question of leaving?.asked ?? []) {
    question.workers--;
    const { client, id, workers } = question;
    if (workers === 0 && !client.gone)
      step.effects.send(client, { type: "answer", id, facts: null });
  }
}

// ── Leaving ──────────────────────────────────────────────────────────────────────────────────────

/** A client asks workers to leave, by name. */
export function retire(
  step: StepContext,
  client: Client,
  message: Message<FromClient, "retire">,
): void {
  const { state, effects } = step;
  const { id } = message;
  const names = new Set(message.workers);
  const found = [...state.workers.values()].filter((worker) => isNamed(worker, names));
  const unknown = message.workers.filter(
    (name) => !found.some((each) => isNamed(each, new Set([name]))),
  );
  if (unknown.length > 0) {
    const words = `give the names of workers that are here, as client.workers() tells them: there is no ${unknown.slice(0, 5).join(", ")}`;
    const failure = { code: "worker-lost", message: words };
    return effects.send(client, { type: "answer", id, failure });
  }
  const question = { client, id, workers: found.length };
  for (const worker of found) {
    const known = state.copies.leaving.get(worker);
    if (known) known.asked.push(question);
    else state.copies.leaving.set(worker, { let: false, asked: [question] });
    effects.retire(worker, `client ${client.name} asked it to`);
  }
}

/** It says that it leaves: it has to be let go before it does. */
export function startLeaving({ state }: StepContext, worker: Worker): void {
  worker.leaving = true;
  if (!state.copies.leaving.has(worker))
    state.copies.leaving.set(worker, { let: false, asked: [] });
}

/** At the end of every step: what is to be copied is, and who waited for copies hears of them. */
export function tendCopies(step: StepContext): void {
  const { copies } = step.state;
  if (copies.leaving.size > 0)
    for (const [worker, how] of copies.leaving) handOver(step, worker, how);
  if (copies.waiting.size > 0) spread(step);
}

function handOver(step: StepContext, worker: Worker, how: { let: boolean }): void {
  if (!worker.leaving || how.let) return;
  const { state, effects } = step;
  let open = 0;
  for (const task of worker.holds) {
    if (isHeldElsewhere(task)) continue;
    if (state.copies.wanted.has(task)) open++;
    else {
      const taker = chooseTaker(state, task);
      // Nobody can take it: it has to be made again when it is needed.
      if (taker === undefined) continue;
      ask(step, task, taker);
      open++;
    }
    if (open >= mostAtOnce) return;
  }
  if (open > 0 || worker.dispatches.size > 0) return;
  how.let = true;
  effects.farewell(worker);
}

function isHeldElsewhere({ state }: Task): boolean {
  if (state.at !== "finished") return true;
  for (const holder of state.holders ?? []) if (!holder.leaving) return true;
  return false;
}

function chooseTaker(state: State, task: Task): Worker | undefined {
  const bytes = task.state.at === "finished" ? task.state.bytes : 0;
  let best: Worker | undefined;
  for (const worker of state.workers.values()) {
    if (!canTake(worker) || bytes > worker.memoryBytes) continue;
    if (best === undefined || worker.heldBytes < best.heldBytes) best = worker;
  }
  return best;
}

/** A value is not where it was asked to be, and will not be. */
function refuse(
  { state, effects }: StepContext,
  question: ScatterQuestion,
  code: string,
  words: string,
): void {
  const { client, id, task } = question;
  state.copies.waiting.delete(question);
  if (client.gone) return;
  const failure = { code, message: words, key: task.key };
  effects.send(client, { type: "answer", id, failure });
}

/** Has scattered values copied to where they were asked for, and says when they are all there. */
function spread(step: StepContext): void {
  const { state, effects } = step;
  for (const question of state.copies.waiting) {
    const { task, client, id, workers } = question;
    const { at } = task.state;
    if (client.gone) {
      state.copies.waiting.delete(question);
      continue;
    }
    if (at === "cancelled" || at === "forgotten") {
      const words = `scatter it again: "${task.key}" was cancelled while its value was sent`;
      refuse(step, question, "task-cancelled", words);
      continue;
    }
    if (task.state.at === "finished") {
      for (const worker of workers) {
        if (task.state.holders?.has(worker)) workers.delete(worker);
        else if (state.workers.has(worker.id)) ask(step, task, worker);
        else workers.delete(worker);
      }
    } else if (at === "waiting") {
      continue;
    }
    if (task.state.at === "finished" && workers.size > 0) continue;
    state.copies.waiting.delete(question);
    effects.send(client, { type: "answer", id, facts: { at: "workers" } });
  }
}
