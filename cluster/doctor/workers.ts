// The workers, as `thence doctor` finds them: whether this machine can fetch from each of them.

import { hostname } from "node:os";
import PQueue from "p-queue";
import type { Session } from "../../client/session.ts";
import { describeDuration } from "../../src/duration.ts";
import { RejectedError } from "../../src/link/handshake.ts";
import { openProven } from "../../src/link/open.ts";
import { withoutPin } from "../../src/link/pin.ts";
import { isLoopback } from "../../src/meeting/loopback.ts";
import { timestamp } from "../../src/timers.ts";
import { version } from "../../src/version.ts";
import type { SchedulerInfo, WorkerInfo } from "../../src/wire/facts.ts";
import { adviceFor } from "./http.ts";
import { Subject, type Finding } from "./findings.ts";
import { openFilesLimit } from "./machine.ts";

/** Attempts at once. */
const atOnce = 32;
/** Workers that went, of which so many are named. */
const shownDepartures = 3;

export async function examineWorkers(
  session: Session,
  { token, timeoutMs }: { token: string | undefined; timeoutMs: number },
): Promise<Finding[]> {
  const subject = new Subject("workers");
  const workers = await session.request("workers", {});
  if (workers.length === 0) {
    examineDepartures(subject, await session.request("info", {}));
    return subject.findings;
  }
  const queue = new PQueue({ concurrency: atOnce });
  const attempts = await queue.addAll(
    workers.map((worker) => async () => ({
      worker,
      why: await whyUnreached(worker, token, timeoutMs),
    })),
  );
  const reached = attempts.filter(({ why }) => why === undefined).length;
  if (reached > 0) {
    subject.ok(`${reached} of ${workers.length} can be reached from here`);
  }
  for (const { worker, why } of attempts) {
    if (why === undefined) continue;
    subject.fail(
      `${worker.name} on ${worker.host}, ${withoutPin(worker.address ?? "no address")}: ${why.text}`,
      why.advice,
    );
  }
  for (const { name, host, status, why } of workers) {
    if (status === "away") subject.warn(`${name} on ${host} has lost its link to the scheduler`);
    if (status === "paused") subject.warn(`${name} on ${host} takes no tasks: ${why ?? "paused"}`);
  }
  examineVersions(subject, workers);
  const limit = openFilesLimit() ?? Infinity;
  if (limit < 2 * workers.length + 64) {
    const advice = "raise it where the scheduler and the workers start: ulimit -n 65536";
    subject.fail(`${workers.length} workers, and at most ${limit} open files`, advice);
  }
  return subject.findings;
}

/** Why there is no worker, as far as the scheduler knows. */
function examineDepartures(subject: Subject, { departures }: SchedulerInfo): void {
  if (departures.length === 0) {
    const advice = "the logs of the workers say what they wait for";
    return subject.warn("no worker has joined", advice);
  }
  const isAll = departures.length <= shownDepartures;
  subject.warn("no worker is here", isAll ? undefined : "`thence status` names more that went");
  for (const { worker, how, at } of departures.slice(-shownDepartures).reverse()) {
    const ago = describeDuration(Math.max(0, timestamp() - at));
    subject.warn(`${worker}, gone ${ago} ago: ${how}`);
  }
}

function examineVersions(subject: Subject, workers: readonly WorkerInfo[]): void {
  const others = workers.filter((worker) => worker.version !== version);
  if (others.length === 0) return subject.ok(`all run thence ${version}, as here`);
  for (const { name, host, version: theirs = "an unknown version" } of others) {
    subject.warn(`${name} on ${host} runs ${theirs}; here is ${version}`);
  }
}

type Reason = { readonly text: string; readonly advice: string };

/** Undefined when a connection as for a fetch could be made. */
async function whyUnreached(
  { address, host }: WorkerInfo,
  token: string | undefined,
  timeoutMs: number,
): Promise<Reason | undefined> {
  if (address === undefined) {
    return { text: "it does not serve results", advice: "they are relayed by the scheduler" };
  }
  try {
    const socket = await openProven({ url: address, token }, { timeoutMs });
    socket.terminate();
    return undefined;
  } catch (error) {
    // It is there, and gives values to those only who have the full token.
    if (error instanceof RejectedError) return undefined;
    const text = (error as Error).message;
    const isElsewhere = host !== hostname() && isLoopback(address);
    const advice = isElsewhere
      ? "it listens on loopback, on another machine: start it with --interface"
      : adviceFor(text);
    return { text, advice: `${advice}; its results are relayed by the scheduler` };
  }
}
