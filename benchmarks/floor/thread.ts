// The thread of `worker.ts --thread`.

import { parentPort } from "node:worker_threads";
import { makeCalls } from "./calls.ts";
import type { Call } from "./frames.ts";

parentPort?.on("message", (text: string) => {
  parentPort?.postMessage(JSON.stringify(makeCalls(JSON.parse(text) as Call[])));
});
