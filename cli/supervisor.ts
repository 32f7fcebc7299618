// The supervisors of `thence worker`, and of `thence scheduler` with a journal: each runs its daemon as a
// child process. It is always running, so it must be small: it reads no options and loads no role. The
// daemon reports wrong arguments.

import { hostname } from "node:os";
import { supervise } from "../cluster/supervise.ts";
import { superviseScheduler as keepScheduler } from "../cluster/supervise-scheduler.ts";
import { writeErrorLine } from "../src/standard-streams.ts";
import { onEveryDrainRequest, onEveryEndRequest } from "./end-requests.ts";

/** Runs until the worker ends, then exits with the worker's exit code. */
export async function superviseWorker(): Promise<never> {
  const code = await supervise({
    name: `${hostname()}-${process.pid}`,
    onEndRequest: onEveryEndRequest,
    onDrainRequest: onEveryDrainRequest,
    say: (line) => writeErrorLine(`thence worker: ${line}\n`),
  });
  process.exit(code);
}

/** Runs until the scheduler ends, then exits with the scheduler's exit code. */
export async function superviseScheduler(): Promise<never> {
  // A scheduler does not drain, and a signal that asks for it must not end its supervisor.
  onEveryDrainRequest(() => undefined);
  const code = await keepScheduler({
    onEndRequest: onEveryEndRequest,
    say: (line) => writeErrorLine(`thence scheduler: ${line}\n`),
  });
  process.exit(code);
}
