// Attempts that end without a value: the task is tried again, perhaps after a backoff, or fails.
// An error counts against the `retries` of the task. The loss of a worker or a thread counts against
// its `maxWorkerLosses`, and only when nothing but the task or its sub-tasks was executing there.

import { cut } from "../../../src/errors/brief-failure.ts";
import type { ErrorRecord } from "../../../src/errors/error-record.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import { tellOfRetry, tellOfTask } from "../clients/feeds.ts";
import { fittingText } from "../memory/fitting.ts";
import { enterHeap } from "../memory/ledger.ts";
import { lossBytes } from "../memory/sizes.ts";
import type { Dispatch, Loss, State, Task, Worker } from "../state.ts";
import { fail, requeue } from "./lifecycle.ts";
import type { StepContext } from "./transition.ts";

/** The worker reports an error as the end of an attempt; `shared` when its thread had other calls too. */
export function failAttempt(
  step: StepContext,
  task: Task,
  worker: Worker,
  { failure, shared }: { failure: Failure; shared?: boolean },
): void {
  if (failure.code === "thread-lost") {
    const loss = lossOf(step.state, worker, failure.message);
    if (shared) suspect(step, task, loss, "its thread was lost");
    else blame(step, task, loss, failure.error);
    return;
  }
  const { retries, retryIf, atMostOnce } = task.spec.options;
  if (
    retries === undefined ||
    atMostOnce ||
    // Its own error says more than that there is no time for another attempt.
    step.state.timeLimit !== undefined ||
    task.failures >= retries.max ||
    !isWorthRetrying(failure) ||
    (retryIf !== undefined && !matches(failure, retryIf))
  ) {
    const { name } = task.spec.function;
    fail(step, task, { ...failure, key: task.key, task: name }, failure.code, worker.name);
    return;
  }
  const { delayMs = 0, factor = 2, maxDelayMs = Number.MAX_SAFE_INTEGER, jitter = 0 } = retries;
  // The power may be infinite, and infinity times no delay is not a number.
  const backoff = delayMs === 0 ? 0 : Math.min(delayMs * factor ** task.failures, maxDelayMs);
  task.failures++;
  tellOfRetry(step, task, failure);
  requeue(step, task, "retry", backoff * (1 - jitter * nextRandom(step.state)));
}

function isWorthRetrying({ code, retriable }: Failure): boolean {
  // A value that cannot be encoded will not be encoded the next time either.
  return code !== "not-serializable" && retriable !== false;
}

/**
 * Whether the name or the code is listed of the failure, of the thrown error, of one of its causes, or of
 * an error inside an `AggregateError`.
 */
function matches({ code, error }: Failure, listed: readonly string[]): boolean {
  if (listed.includes(code)) return true;
  if (code === "task-timeout" && listed.includes("TaskTimeoutError")) return true;
  const toLookAt = error ? [error] : [];
  for (let each; (each = toLookAt.pop());) {
    const { name, code: own, cause, errors = [] } = each;
    if (listed.includes(name) || (own !== undefined && listed.includes(own))) return true;
    toLookAt.push(...errors);
    if (cause) toLookAt.push(cause);
  }
  return false;
}

/**
 * The task was lost together with others, and any of them may be the cause: it is not blamed, and runs
 * apart from now on. One that is lost beside others again and again is blamed after all, so that there
 * is an end.
 */
export function suspect(step: StepContext, task: Task, loss: Loss, why: string): void {
  if (task.spec.options.atMostOnce) return failAfterStart(step, task, loss);
  task.suspicions++;
  if (task.suspicions > mostSuspicions) return blame(step, task, loss);
  requeueLost(step, task, loss, why);
}
const mostSuspicions = 10;

/**
 * The task alone was executing, or its sub-tasks, when its worker or its thread went down.
 *
 * @param error what ended the thread, with its stack
 */
export function blame(step: StepContext, task: Task, loss: Loss, error?: ErrorRecord): void {
  if (task.spec.options.atMostOnce) return failAfterStart(step, task, loss, error);
  const { options } = step.state;
  const losses = (task.losses ??= []);
  losses.push(loss);
  enterHeap(step.state, lossBytes(loss));
  task.suspicions = Math.max(task.suspicions, 1);
  if (losses.length < (task.spec.options.maxWorkerLosses ?? options.maxWorkerLosses)) {
    requeueLost(step, task, loss, "its worker was lost while it ran");
    return;
  }
  const { name } = task.spec.function;
  const newest = losses.slice(-shownLosses).map(({ worker, how }) => `${worker} (${how})`);
  const earlier = losses.length > shownLosses ? `${losses.length - shownLosses} others, ` : "";
  const each = earlier + newest.join(", ");
  const message = `"${name}" was executing when each of these went down: ${each}; it is not tried again`;
  const failure = { code: "worker-lost", message, key: task.key, task: name };
  const whole = error === undefined ? failure : { ...failure, error };
  fail(step, task, whole, "too many losses", loss.worker);
}

/** Puts a task back into the queue whose attempt was lost. */
function requeueLost(step: StepContext, task: Task, loss: Loss, why: string, delayMs = 0): void {
  const { worker, how } = loss;
  tellOfTask(step, task, { type: "lost", worker, how });
  requeue(step, task, why, delayMs);
}

/**
 * An attempt that may have begun is over without an answer, and without blame: the task runs again if it may, after a
 * delay if there is one.
 */
export function runAgain(step: StepContext, ended: Dispatch, why: string, delayMs = 0): void {
  const { task, worker, started } = ended;
  const loss = lossOf(step.state, worker, why);
  if (task.spec.options.atMostOnce) failAfterStart(step, task, loss);
  else if (started) requeueLost(step, task, loss, why, delayMs);
  else requeue(step, task, why, delayMs);
}

/** The task runs at most once, and the attempt that was lost may have begun. */
function failAfterStart(step: StepContext, task: Task, loss: Loss, error?: ErrorRecord): void {
  const { name } = task.spec.function;
  const message = `"${name}" may have run on worker ${loss.worker}, and atMostOnce forbids another start: ${loss.how}`;
  const failure = { code: "worker-lost", message, key: task.key, task: name };
  const whole = error === undefined ? failure : { ...failure, error };
  fail(step, task, whole, "it may have run", loss.worker);
}

export function lossOf(state: State, { name }: Worker, how: string): Loss {
  return { worker: name, how: fittingText(state, cut(how, howLength)) };
}

/** The error that names the losses has to fit into a message: characters of each, and how many. */
const howLength = 1_000;
const shownLosses = 10;

/** The attempt that runs or is the next to run where the task was sent; else how many there were. */
export function attemptOf({ state, starts }: Task): number {
  return state.at === "running" && !state.dispatch.started ? starts + 1 : starts;
}

/** In [0, 1): a small generator whose only state is in the state, so that replays agree. */
function nextRandom(state: State): number {
  // mulberry32, Tommy Ettinger, public domain.
  state.random = (state.random + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state.random ^ (state.random >>> 15), 1 | state.random);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
