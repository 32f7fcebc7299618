// Brings the floor up: a relay, a worker and a client, three processes.

import type { Processes } from "../runner/processes.ts";
import type { Sample } from "../scenario.ts";
import type { System } from "../system.ts";

export type FloorOptions = {
  /** Whether the calls are made on a worker thread. */
  thread: boolean;
};

export async function startFloor(processes: Processes, options: FloorOptions): Promise<System> {
  const relay = processes.start("benchmarks/floor/relay.ts", [], { channel: true });
  const url = `ws://127.0.0.1:${String(await relay.ask("port"))}`;
  const worker = processes.start(
    "benchmarks/floor/worker.ts",
    options.thread ? [url, "--thread"] : [url],
    { channel: true },
  );
  await worker.ask("ready");
  const client = processes.start("benchmarks/floor/client.ts", [url], { channel: true });
  await client.ask({ measure: "round-trip", size: 1 });
  return {
    sample: async (measure, size) => (await client.ask({ measure, size })) as Sample,
    pids: { client: client.pid, scheduler: relay.pid, worker: worker.pid },
  };
}
