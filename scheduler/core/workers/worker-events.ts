// The messages of workers. What a worker says of an attempt counts only for the dispatch it belongs to,
// found by key and attempt; what it says of older attempts is ignored.

import { cut } from "../../../src/errors/brief-failure.ts";
import type { FromWorker } from "../../../src/wire/protocol.ts";
import { tellOfTask } from "../clients/feeds.ts";
import { receiveOutput } from "../clients/output.ts";
import { receiveFromInside } from "../clients/sub-tasks.ts";
import { countStart, endDispatch, lend, offerRoom, resume } from "../placement/dispatches.ts";
import { fittingText } from "../memory/fitting.ts";
import { enterHeap } from "../memory/ledger.ts";
import { progressBytes } from "../memory/sizes.ts";
import type { Dispatch, State, Task, Worker, WorkerId } from "../state.ts";
import { failAttempt, runAgain } from "../tasks/attempts.ts";
import { measure } from "../tasks/functions.ts";
import { finish, finishHeld, requeue } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { hasRoomFor } from "../values/offloading.ts";
import { findResult } from "../values/recompute.ts";
import { loseReplicasAt, receiveHeld, receiveNoReplica } from "../values/replication.ts";
import { lose, reconsiderSitesOf } from "./membership.ts";
import { limits } from "../../../src/wire/limits.ts";
import { answerFor, endersOfThreads, ownersOf } from "./ownership.ts";
import { receiveRestarted } from "./restart.ts";
import { startLeaving } from "./retiring.ts";

export function receive(step: StepContext, from: WorkerId, messages: readonly FromWorker[]): void {
  const { state } = step;
  const worker = state.workers.get(from);
  if (worker === undefined) return;
  // Looked for first: what a thread took along may be reported before what ended it.
  const enders = endersOfThreads(worker, messages);
  const owners = ownersOf(enders);
  for (const message of messages) {
    switch (message.type) {
      case "finished": {
        const { keys, attempts, values, micros } = message;
        for (let index = 0; index < keys.length; index++) {
          const value = values[index]!;
          const isHeld = typeof value === "object" && "bytes" in value;
          const ended = findDispatch(state, worker, keys[index]!, attempts[index]!);
          if (ended === undefined || ended.abandoned) {
            if (isHeld) step.effects.free(worker, keys[index]!, 0, attempts[index]!);
            if (ended === undefined) continue;
          }
          worker.finished++;
          countStart(step, ended);
          measure(ended.task.spec.function, micros[index]!);
          endDispatch(step, ended);
          if (ended.abandoned) continue;
          if (isHeld) finishHeld(step, ended.task, value.bytes, worker);
          else if (hasRoomFor(state, value)) finish(step, ended.task, value, worker.name);
          else runAgain(step, ended, "its worker sent a result that it was to hold", laterMs);
        }
        break;
      }
      case "failed": {
        const ended = findDispatch(state, worker, message.key, message.attempt);
        if (ended === undefined) break;
        if (message.failure.code !== "unknown-task") countStart(step, ended);
        endDispatch(step, ended);
        if (!ended.abandoned) failAttempt(step, ended.task, worker, message);
        break;
      }
      case "started":
        for (const started of dispatchesOf(state, worker, message)) markStarted(step, started);
        break;
      case "withdrawn":
        for (const ended of dispatchesOf(state, worker, message)) {
          endDispatch(step, ended);
          if (!ended.abandoned) requeue(step, ended.task, "returned unstarted");
        }
        break;
      case "stopped":
        for (const ended of dispatchesOf(state, worker, message)) {
          if (!ended.abandoned) countStart(step, ended);
          endDispatch(step, ended);
          if (ended.abandoned) continue;
          const owned = worker.leaving ? undefined : owners.get(ended);
          const why = whyStopped(worker);
          if (owned === undefined) runAgain(step, ended, why);
          else answerFor(step, ended, owned, { isCertain: owned.count === enders.length, why });
        }
        break;
      case "progress": {
        const running = findDispatch(state, worker, message.key, message.attempt);
        if (running === undefined || running.abandoned) break;
        const { fraction } = message;
        const text = message.text && fittingText(state, message.text);
        markStarted(step, running);
        const about = { fraction, ...(text !== undefined && { text }) };
        tellOfTask(step, running.task, { type: "progress", worker: worker.name, ...about });
        setProgress(state, running.task, about);
        break;
      }
      case "output": {
        const running = findDispatch(state, worker, message.key, message.attempt);
        if (running === undefined) break;
        receiveOutput(step, running, message);
        if (running.untakenBytes <= mostUntakenBytes) break;
        return lose(step, from, "it put out more than the reader of its task had taken");
        break;
      }
      case "restarted":
        receiveRestarted(step, worker);
        break;
      case "lent":
        for (const lending of dispatchesOf(state, worker, message)) {
          markStarted(step, lending);
          lend(state, lending);
        }
        break;
      case "resuming":
        for (const resuming of dispatchesOf(state, worker, message)) resume(state, resuming);
        break;
      case "sub": {
        const running = findDispatch(state, worker, message.key, message.attempt);
        if (running) receiveFromInside(step, running, message);
        break;
      }
      case "held":
        receiveHeld(step, worker, message);
        break;
      case "missing":
        if (message.call === undefined) receiveNoReplica(step, worker, message);
        else receiveMissingInput(step, worker, message.call, message);
        break;
      case "paused":
        worker.paused = cut(message.reason, reasonLength);
        step.effects.log("warning", `worker ${worker.name} takes no new tasks: ${worker.paused}`);
        break;
      case "resumed":
        worker.paused = undefined;
        step.effects.log("info", `worker ${worker.name} takes tasks again`);
        break;
      case "leaving":
        startLeaving(step, worker, message);
        state.lastDepartureAt = step.now;
        reconsiderSitesOf(state, worker);
        break;
      default:
        message satisfies never;
    }
  }
  offerRoom(step, worker);
}

/** Bytes that a task is let to put out before its reader takes them: the window, and one value that exceeds it. */
const mostUntakenBytes = limits.outputWindowBytes + limits.outputBytes;

/** Characters of what a worker says of itself, or of an input. */
const reasonLength = 1_000;

function setProgress(state: State, task: Task, progress: Task["progress"]): void {
  enterHeap(state, progressBytes(progress) - progressBytes(task.progress));
  task.progress = progress;
}

/** Why a worker stopped an attempt without being asked to. */
function whyStopped({ leaving }: Worker): string {
  return leaving
    ? "stopped while it ran: its worker leaves, and the drain timeout was over"
    : "stopped while it ran: its thread was ended for another task";
}

function markStarted(step: StepContext, started: Dispatch): void {
  countStart(step, started);
  if (!started.withdrawing) return;
  started.withdrawing = false;
  started.worker.withdrawals--;
}

/** A call could not fetch an input: it ends, and holders that were found without the value lose it. */
function receiveMissingInput(
  step: StepContext,
  worker: Worker,
  call: { key: string; attempt: number },
  message: Extract<FromWorker, { type: "missing" }>,
): void {
  const { effects } = step;
  const ended = findDispatch(step.state, worker, call.key, call.attempt);
  if (ended) endDispatch(step, ended);
  const input = findResult(step.state, message);
  if (input) loseReplicasAt(step, input, message.lacking);
  if (ended === undefined || ended.abandoned || ended.task.state.at !== "running") return;
  const why = cut(message.why, reasonLength);
  effects.log("info", `${call.key} could not get its input ${message.key}: ${why}`);
  // The holder may be out of reach, or lost without that being known yet: trying at once would not help.
  const isThere = input?.state.at === "finished";
  requeue(step, ended.task, "an input could not be fetched", isThere ? laterMs : 0);
}
/** Before a task runs again that would fare no better at once. */
const laterMs = 500;

function findDispatch(
  { tasks }: State,
  worker: Worker,
  key: string,
  attempt: number,
): Dispatch | undefined {
  // Nearly always it is that of the task, which is found in a third of the time: its key need not be hashed.
  const now = tasks.get(key)?.state;
  if (now?.at === "running" && now.dispatch.worker === worker && now.dispatch.attempt === attempt) {
    return now.dispatch;
  }
  const found = worker.dispatches.get(key);
  return found?.attempt === attempt ? found : undefined;
}

function* dispatchesOf(
  state: State,
  worker: Worker,
  { keys, attempts }: { keys: readonly string[]; attempts: readonly number[] },
): Iterable<Dispatch> {
  for (let index = 0; index < keys.length; index++) {
    const found = findDispatch(state, worker, keys[index]!, attempts[index]!);
    if (found) yield found;
  }
}
