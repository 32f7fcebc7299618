// The supervisor of `thence worker`: runs the worker as a child process. It is always running, so it
// must be small: it reads no options and loads no role. The worker reports wrong arguments.

import { hostname } from "node:os";
import { supervise } from "../cluster/supervise.ts";
import { onEveryDrainRequest, onEveryEndRequest } from "./end-requests.ts";

/** Runs until the worker ends, then exits with the worker's exit code. */
export async function superviseWorker(): Promise<never> {
  const code = await supervise({
    name: `${hostname()}-${process.pid}`,
    onEndRequest: onEveryEndRequest,
    onDrainRequest: onEveryDrainRequest,
    say: (line) => process.stderr.write(`thence worker: ${line}\n`),
  });
  process.exit(code);
}
