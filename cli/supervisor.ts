// What keeps `thence worker`: the process that was started, with the worker's as its child. It knows no
// options and loads no role, for it must cost little; what is wrong with the arguments, the worker says.

import { hostname } from "node:os";
import { supervise } from "../cluster/supervise.ts";
import { forwardEndRequests } from "./ending.ts";

/** Ends this process, with the exit code of the worker. */
export async function keepWorker(): Promise<never> {
  const code = await supervise({
    name: `${hostname()}-${process.pid}`,
    onEndRequest: forwardEndRequests,
    say: (line) => process.stderr.write(`thence worker: ${line}\n`),
  });
  process.exit(code);
}
