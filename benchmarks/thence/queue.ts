// A scheduler without workers, started anew for every sample, whose memory is read from inside after
// a full collection (what the tasks hold) and from outside (what the machine is out of).

import { join } from "node:path";
import { Inspector } from "../runner/inspector.ts";
import type { Processes } from "../runner/processes.ts";
import type { Sample } from "../scenario.ts";
import type { System } from "../system.ts";
import { memoryOf } from "./memory.ts";
import { orEnded, startClient, startScheduler } from "./system.ts";

export function queueSystem(processes: Processes, directory: string): System {
  let started = 0;
  return {
    async sample(scenario, size) {
      const schedulerFile = join(directory, `queue-${++started}.json`);
      const scheduler = startScheduler(processes, schedulerFile, ["--inspect=127.0.0.1:0"]);
      const client = startClient(processes, schedulerFile, 0);
      let inspector: Inspector | undefined;
      try {
        await orEnded(client.ask({ size: 0 }), scheduler);
        inspector = await Inspector.connect(scheduler);
        const before = await memoryOf(scheduler.pid, inspector);
        const sample = (await orEnded(client.ask({ scenario, size }), scheduler)) as Sample;
        const after = await memoryOf(scheduler.pid, inspector);
        const growthBytes = {
          live: after.live - before.live,
          resident: after.resident - before.resident,
        };
        return { ...sample, growthBytes };
      } finally {
        inspector?.close();
        await client.end();
        await scheduler.end();
      }
    },
  };
}
