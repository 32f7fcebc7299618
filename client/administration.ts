// What a client asks of the cluster as a whole: a function on every worker, who is there and holds
// what, workers that leave, all of it over again, and the end.

import { describeDuration } from "../src/duration.ts";
import {
  ConnectionError,
  TimeoutError,
  UnknownTaskError,
  UnschedulableError,
} from "../src/errors/errors.ts";
import { didYouMean } from "../src/nearest.ts";
import type { SchedulerInfo, WorkerInfo } from "../src/wire/facts.ts";
import { limits } from "../src/wire/limits.ts";
import { delay } from "./delay.ts";
import { referenceTo, type FunctionReference } from "./function-reference.ts";
import { encodeArguments, Future, heldStateOf } from "./future.ts";
import { statesOf, type Futures } from "./handles.ts";
import { checkedCount, checkedNames, checkedReason, checkedTimeout } from "./option-checks.ts";
import type { Session } from "./session.ts";
import { futuresIn } from "./shape.ts";
import { now } from "../src/timers.ts";

export type RestartOptions = {
  /** For people: it is in the error of everybody who waits. Default: who asked for it. */
  reason?: string;
};

/** A worker that left while it was asked is waited for so long, in milliseconds. */
const goneAfterMs = 1_000;

/** Calls a function once on every worker that is here now; the results by worker name. */
export async function runEverywhere(
  session: Session,
  task: unknown,
  args: readonly unknown[],
): Promise<Record<string, unknown>> {
  const reference = referenceTo(task);
  const { name } = reference;
  const call = encodeArguments(args, session);
  const known = await session.request("workers", {});
  const workers = known.filter(({ status }) => status !== "leaving");
  const able = new Set(await session.request("registered-at", { ...reference }));
  // Their handles must live until here, and may have been released meanwhile.
  for (const future of futuresIn(args)) heldStateOf(future);
  const futures = workers.map(({ id }) => {
    if (!able.has(id)) return undefined;
    // By id: a name may be that of another worker's host, and may be had again by a newcomer.
    const options = {
      workers: [id],
      priority: limits.priorityMagnitude,
      maxWorkerLosses: 0,
      unschedulableTimeoutMs: goneAfterMs,
    };
    return new Future(session.submit({ type: "submit", ...reference, options }, call));
  });
  const outcomes = await Promise.allSettled(
    futures.map(
      (future, index) => future?.result() ?? Promise.reject(unknownAt(workers[index]!, reference)),
    ),
  );
  for (const future of futures) future?.release();
  return resultsOf(name, workers, await withHow(session, workers, outcomes));
}

/** A worker that went before it ran the call: how, where the scheduler knows that. */
async function withHow(
  session: Session,
  workers: readonly WorkerInfo[],
  outcomes: readonly PromiseSettledResult<unknown>[],
): Promise<PromiseSettledResult<unknown>[]> {
  const isGone = (outcome: PromiseSettledResult<unknown>) =>
    outcome.status === "rejected" && outcome.reason instanceof UnschedulableError;
  if (!outcomes.some(isGone)) return [...outcomes];
  const { departures } = await session.request("info", {});
  return outcomes.map((outcome, index) => {
    const went = departures.find(({ worker }) => worker === workers[index]!.name);
    if (!isGone(outcome) || went === undefined) return outcome;
    const error = new UnschedulableError(`the worker is gone before it ran: ${went.how}`);
    return { status: "rejected", reason: error };
  });
}

/** By key the names of the holders of each value. */
export async function whoHas(
  session: Session,
  futures: Futures,
): Promise<Record<string, string[]>> {
  const keys = statesOf(futures).map(({ key }) => key);
  const all: [string, string[]][] = [];
  for (let first = 0; first < keys.length; first += limits.columnLength) {
    const some = keys.slice(first, first + limits.columnLength);
    const names = await session.request("who-has", { keys: some });
    all.push(...some.map((key, index): [string, string[]] => [key, names[index]!]));
  }
  return Object.fromEntries(all);
}

/** Resolves once so many workers are up. */
export async function waitForWorkers(
  session: Session,
  count: number,
  options: { timeoutMs?: number },
): Promise<void> {
  const wanted = checkedCount(count, "count");
  const { timeoutMs: limitMs } = checkedNames(options, ["timeoutMs"], "waitForWorkers");
  const timeoutMs = checkedTimeout(limitMs);
  const deadline = now() + timeoutMs;
  const lossBefore = session.lastLoss;
  /** Since when there has been none. */
  let noneSince: number | undefined;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const workers = await session.request("workers", {});
    const present = workers.filter(({ status }) => status === "up").length;
    if (present >= wanted) return;
    if (workers.some(({ status }) => status !== "leaving")) noneSince = undefined;
    else await stopIfNoneComes(session, (noneSince ??= now()));
    const leftMs = deadline - now();
    if (leftMs <= 0) {
      throw new TimeoutError(
        `start more workers, or look into the logs of those that do not come: ${present} of ` +
          `${wanted} were there after ${describeDuration(timeoutMs)}` +
          howTheyWent(await session.request("info", {})),
      );
    }
    await delay(Math.min(pauseMs, leftMs));
    // What was asked of a scheduler that is lost is not asked of the next one.
    if (session.lastLoss !== undefined && session.lastLoss !== lossBefore) throw session.lastLoss;
  }
}

/** While there is no worker at all, it waits no longer than a task would; see `--worker-timeout`. */
async function stopIfNoneComes(session: Session, since: number): Promise<void> {
  const info = await session.request("info", {});
  const { workerTimeoutMs = Infinity, noWorkerComing } = info;
  if (noWorkerComing === undefined && now() - since < workerTimeoutMs) return;
  const why = noWorkerComing ?? `none was there for ${describeDuration(workerTimeoutMs)}`;
  throw new UnschedulableError(`start workers: ${why}${howTheyWent(info)}`);
}

function howTheyWent({ departures }: SchedulerInfo): string {
  const newest = departures.slice(-shownDepartures).reverse();
  return newest.map(({ worker, how }) => `; ${worker}: ${how}`).join("");
}
const shownDepartures = 5;

export type RetireOptions = {
  /** Gives up values that no other worker can take, instead of waiting for one that can. Default: false. */
  force?: boolean;
};

/** Resolves once these workers have handed over what they hold, and have left. */
export async function retireWorkers(
  session: Session,
  names: string | Iterable<string>,
  options: RetireOptions = {},
): Promise<void> {
  const { force = false } = checkedNames(options, ["force"], "retireWorkers");
  const workers = typeof names === "string" ? [names] : [...names];
  if (workers.length > 0) await session.request("retire", { workers, ...(force && { force }) });
}

/** Resolves once every task is cancelled, and every worker has ended its threads or is gone. */
export async function restart(session: Session, options: RestartOptions): Promise<void> {
  const reason = checkedReason(checkedNames(options, ["reason"], "restart").reason);
  await session.request("restart", { ...(reason !== undefined && { reason }) });
}

/** Resolves once the scheduler has said goodbye. The client is closed with it, and not when this was refused. */
export async function shutDown(
  session: Session,
  options: RestartOptions,
  close: () => Promise<void>,
): Promise<void> {
  const { reason } = checkedNames(options, ["reason"], "shutdown");
  try {
    await session.shutDown(checkedReason(reason));
  } catch (error) {
    if (error instanceof ConnectionError) await close();
    throw error;
  }
  await close();
}

function unknownAt(
  { name: worker, functions }: WorkerInfo,
  { name, digest }: FunctionReference,
): UnknownTaskError {
  if (digest !== undefined) {
    const registered = functions.slice(0, 10).map((each) => `"${each}"`);
    const message =
      `give a registered name, like ${registered.join(", ")}: ` +
      `worker ${worker} has not registered the function "${name}" that was passed`;
    return new UnknownTaskError(message, { task: name });
  }
  const hint = didYouMean(name, functions);
  return new UnknownTaskError(`worker ${worker} has no function "${name}".${hint}`, { task: name });
}

function resultsOf(
  name: string,
  workers: readonly WorkerInfo[],
  outcomes: readonly PromiseSettledResult<unknown>[],
): Record<string, unknown> {
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected"
      ? [{ worker: workers[index]!.name, error: outcome.reason as Error }]
      : [],
  );
  if (failed.length > 0) {
    const shown = failed.slice(0, 5).map(({ worker, error }) => `${worker}: ${error.message}`);
    const more = failed.length > 5 ? `; and ${failed.length - 5} more` : "";
    throw new AggregateError(
      failed.map(({ error }) => error),
      `"${name}" failed on ${failed.length} of ${workers.length} workers: ${shown.join("; ")}${more}`,
    );
  }
  return Object.fromEntries(
    outcomes.map((outcome, index) => [
      workers[index]!.name,
      (outcome as PromiseFulfilledResult<unknown>).value,
    ]),
  );
}
