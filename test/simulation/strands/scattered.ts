// Values of clients' own that tasks take, on a worker, on every worker, or with the scheduler.

import { valueOf } from "../functions.ts";
import type { Failed, Stage } from "./stage.ts";

export function scattered(stage: Stage): void {
  const { random } = stage;
  const { faults } = stage.options;
  for (const owner of stage.clients) {
    stage.run(owner, "a scattered value", async (client) => {
      await stage.sleepABit();
      const number = random.below(256);
      const value = { number, data: new Uint8Array(random.below(3_000)).fill(number) };
      const broadcast = random.chance(0.4);
      // Long, for a worker may be away for a while.
      const future = stage.hold(await client.scatter(value, { broadcast, timeoutMs: 200_000 }));
      const ids = random.several(1, 4, () => stage.newId());
      const tasks = ids.map((id) =>
        stage.hold(client.submit("slow", id, [future, id], random.next() * 100)),
      );
      if (random.chance(0.5)) await stage.sleepABit();
      for (const [index, task] of tasks.entries()) {
        const id = ids[index]!;
        const { value: made, failed } = await stage.outcome(task.result(), owner);
        task.release();
        const isWorn = failed?.code === "worker-lost" && stage.isWornOut();
        if (failed)
          stage.expect(isWorn || isLost(failed), `of what is scattered: ${String(failed)}`);
        else
          stage.expectValue(made, valueOf(id, [value, id]), "what was made of a scattered value");
      }
      const { value: back, failed } = await stage.outcome(future.result(), owner);
      future.release();
      if (failed) stage.expect(isLost(failed), `a scattered value: ${String(failed)}`);
      else stage.expectValue(back, value, "a scattered value");
    });
  }

  function isLost({ code }: Failed): boolean {
    return code === "lost-data" && faults.mayLoseData;
  }
}
