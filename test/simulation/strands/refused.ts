// Values that are given to a scheduler whose disk is full now and then: what it refuses is given again, and
// what it took is there once.

import type { Client } from "../../../client/client.ts";
import type { Future } from "../../../client/future.ts";
import { valueOf } from "../functions.ts";
import type { Failed, Stage } from "./stage.ts";

/** In place of a value that went with its workers. */
const lost = Symbol("lost");

export function refused(stage: Stage): void {
  const { random } = stage;
  const { faults, spanMs } = stage.options;
  const queue = "a queue on a full disk";
  const published = "what was published on a full disk";
  const variable = "a variable on a full disk";
  const taken = new Set<string>();
  const unsure = new Set<string>();
  let isPublished = false;
  let isSet = false;

  stage.clients.forEach((owner, index) => {
    stage.run(owner, "what is refused", async (client) => {
      for (let number = random.below(8); number > 0; number -= 1) {
        await stage.sleep(random.next() * 2 * (spanMs / 4 + 200));
        const item = `${owner.scope.name}: ${number}`;
        unsure.add(item);
        const padding = "x".repeat(random.below(3_000));
        await untilTaken(() => client.queue<string[]>(queue).put([item, padding]));
        taken.add(item);
        if (random.chance(0.5)) await call(client);
        if (random.chance(0.2)) await callOfScattered(client);
      }
      if (index > 0) return;
      await untilTaken(() => client.variable<string>(variable).set("set"));
      isSet = true;
      await untilTaken(() => client.publish(published, "published"));
      isPublished = true;
    });
  });

  stage.cleanings.push(async (client) => {
    const found: string[] = [];
    for (;;) {
      const [item] = await client
        .queue<string[]>(queue)
        .getBatch(1, { timeoutMs: 0 })
        .catch(() => []);
      if (item === undefined) break;
      found.push(item[0]!);
    }
    stage.expect(new Set(found).size === found.length, `came out twice: ${found.join()}`);
    for (const item of found) stage.expect(unsure.has(item), `nobody has put ${item}`);
    // What a scheduler without a journal has taken is gone with it.
    const isKept = !faults.schedulerRestarted;
    for (const item of taken) {
      stage.expect(!isKept || found.includes(item), `${item} did not come out`);
    }
    if (isSet && isKept) {
      const value = await client.variable<string>(variable).get();
      stage.expect(value === "set", `a variable was ${value}`);
    }
    await client.variable(variable).delete();
    if (isPublished && isKept) {
      const value = await client.published(published);
      stage.expect(value === "published", `what was published is ${String(value)}`);
    }
    await client.unpublish(published).catch(() => undefined);
  });

  async function call(client: Client): Promise<void> {
    const id = stage.newId();
    const value = await untilTaken(() => resultOf(client.submit("quick", id, "own")));
    if (value !== lost) stage.expectValue(value, valueOf(id, "own"), "a call that was refused");
  }

  async function callOfScattered(client: Client): Promise<void> {
    const value = new Uint8Array(500).fill(7);
    const id = stage.newId();
    const future = stage.hold(
      await untilTaken(() => client.scatter(value, { timeoutMs: 600_000 })),
    );
    const result = await untilTaken(() => resultOf(client.submit("quick", id, future)));
    if (result !== lost) {
      stage.expectValue(result, valueOf(id, value), "a call of a scattered value");
    }
    future.release();
  }

  async function resultOf(future: Future): Promise<unknown> {
    stage.hold(future);
    try {
      return await future.result();
    } catch (error) {
      const { code } = error as Failed;
      const isWorn = code === "worker-lost" && stage.isWornOut();
      if (isWorn || (code === "lost-data" && faults.mayLoseData)) return lost;
      throw error;
    } finally {
      future.release();
    }
  }

  /** Makes a call again and again while it is refused. */
  async function untilTaken<Value>(make: () => Promise<Value>): Promise<Value> {
    const madeAt = stage.options.time.now;
    for (;;) {
      try {
        return await make();
      } catch (error) {
        const { code, message } = error as Failed;
        if (code !== "overloaded") throw error;
        stage.expect(faults.mayBeRefused(madeAt), `refused for no reason: ${message}`);
        await stage.sleep(20 + random.next() * 100);
      }
    }
  }
}
