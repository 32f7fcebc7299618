// What scheduler, worker and client keep in memory once their garbage is collected.

import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { WebSocket } from "ws";
import { Inspector } from "../../benchmarks/runner/inspector.ts";
import type { Client } from "../../src/index.ts";
import { addCleanUp, patientMs } from "../processes/daemons.ts";
import type { Program } from "../processes.ts";

/** Bytes in use once the garbage is collected, on the heap and beside it. */
export type Memory = { scheduler: number; worker: number; client: number };

/** For Node, of a process that is looked into. */
export const inspectable: readonly string[] = ["--inspect=127.0.0.1:0"];

/** Resolves once the scheduler keeps no task, when those that were dropped have been collected. */
export async function forgotten(client: Pick<Client, "info">): Promise<void> {
  const deadline = performance.now() + patientMs;
  for (;;) {
    collectGarbage();
    // Finalizers have turns of their own.
    await new Promise((resolve) => setImmediate(resolve));
    const { tasks } = await client.info();
    const left = Object.values(tasks).reduce((sum, count) => sum + count, 0);
    if (left === 0) return;
    if (performance.now() > deadline) throw new Error(`${left} tasks are still kept`);
  }
}

/** How to learn what each keeps. */
export async function lookInto(programs: { scheduler: Program; worker: Program }) {
  const scheduler = await inspect(programs.scheduler);
  const worker = await inspect(programs.worker);
  const usage = `(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())`;
  const ofInspected = async (inspector: Inspector) => {
    await inspector.collectGarbage();
    return inspector.evaluate<number>(usage);
  };
  return async (): Promise<Memory> => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return {
      scheduler: await ofInspected(scheduler),
      worker: await ofInspected(worker),
      client: heapUsed + external,
    };
  };
}

async function inspect(program: Program): Promise<Inspector> {
  const [, url] = await program.wrote(/Debugger listening on (ws:\S+)/);
  const socket = new WebSocket(url!, { perMessageDeflate: false });
  await once(socket, "open");
  const inspector = new Inspector(socket);
  addCleanUp(async () => inspector.close());
  return inspector;
}

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Twice: what a finalizer lets go of in the first is collected by the second. */
function collectGarbage(): void {
  gc();
  gc();
}
