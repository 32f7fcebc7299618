// The worker of a rank: `thence worker`, supervised by this process, which has the arguments of the run.

import { hostname } from "node:os";
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
    worker: {
      args: ["worker", ...options, "--scheduler-file", schedulerFile],
      env: environmentOfRun(schedulerFile),
    },
  });
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
