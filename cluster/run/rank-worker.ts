// The worker of a rank: `thence worker`, supervised by this process, which has the arguments of the run.

import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { ConnectionError } from "../../src/errors/errors.ts";
import { describeDuration } from "../../src/duration.ts";
import { readSchedulerFile } from "../../src/meeting/scheduler-file.ts";
import { now } from "../../src/timers.ts";
import { supervise, type Supervisor } from "../supervise.ts";

export type RankWorker = Pick<Supervisor, "onEndRequest" | "onDrainRequest" | "say"> & {
  readonly schedulerFile: string;
  /** The options of the command, without those that name the scheduler. */
  readonly options: readonly string[];
};

/**
 * Runs the worker until it ends: it does so by itself when the scheduler says goodbye.
 *
 * @returns its exit code
 */
export async function superviseRank(rank: RankWorker): Promise<number> {
  const { schedulerFile, options, ...requests } = rank;
  return supervise({
    ...requests,
    name: `${hostname()}-${process.pid}`,
    isRank: true,
    worker: {
      args: ["worker", ...options, "--scheduler-file", schedulerFile],
      env: environmentOfRun(schedulerFile),
    },
  });
}

const shortestPauseMs = 50;
const longestPauseMs = 1_000;

/**
 * Waits until the first rank is there, so that a worker that cannot start has somebody to tell it to.
 *
 * @throws {ConnectionError} when it does not come in time
 */
export async function awaitFirstRank(schedulerFile: string, timeoutMs: number): Promise<void> {
  const deadline = now() + timeoutMs;
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    // What cannot be read now may be readable later, on a file system that many nodes share.
    const file = await readSchedulerFile(schedulerFile).catch(() => undefined);
    if (file !== undefined) return;
    if (now() >= deadline) break;
    await delay(pauseMs);
  }
  throw new ConnectionError(
    `the first rank was not there within ${describeDuration(timeoutMs)}: ${schedulerFile} does not exist ` +
      "here; if this node does not see the directory of the first one, give --scheduler-file",
  );
}

/** The environment of everything that connects to the scheduler of a run, and to no other one. */
export function environmentOfRun(schedulerFile: string): NodeJS.ProcessEnv {
  const {
    THENCE_ADDRESS: _address,
    THENCE_TOKEN: _token,
    THENCE_TOKEN_FILE: _tokenFile,
    ...environment
  } = process.env;
  return { ...environment, THENCE_SCHEDULER_FILE: schedulerFile };
}
