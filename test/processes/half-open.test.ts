// A machine that vanishes without a word: what was held for it is given back, and those who ask it for values
// spend the time until that is certain once. Needs network namespaces; skipped with a message without.

import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openProven } from "../../src/link/open.ts";
import { transferAddress } from "../../src/transfer/messages.ts";
import { Requester } from "../../src/transfer/requester.ts";
import { node, type Program } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, type Scheduler } from "./daemons.ts";
import { FarMachine, whyNoFarMachine } from "./network.ts";

const why = whyNoFarMachine();
if (why !== undefined) console.warn(`The tests of a machine that vanishes are skipped: ${why}`);

const fixture = (name: string) => path.join(import.meta.dirname, "fixtures", name);
const patient = { timeout: patientMs };
type Tasks = typeof import("./fixtures/large.ts");

describe.skipIf(why !== undefined)("a machine that vanishes", () => {
  let far: FarMachine;
  let scheduler: Scheduler;

  beforeAll(async () => {
    far = new FarMachine(`th${process.pid}`);
    // A worker that is out of reach is not lost during the test.
    scheduler = await startScheduler({ host: far.near, heartbeatMs: 60_000 });
  }, patientMs);
  afterAll(async () => {
    await cleanUp();
    far.remove();
  }, patientMs);

  afterEach(() => far.comeBack());

  const startWorker = async (name: string, more: object = {}, start = node): Promise<Program> => {
    const modules = [{ path: fixture("large.ts") }];
    const { url, token } = scheduler;
    const options = { url, token, name, threads: 1, modules, localAddress: far.near, ...more };
    const program = start([fixture("worker.ts"), JSON.stringify(options)]);
    await program.wrote(/joined the scheduler/);
    return program;
  };

  test(
    "leaves no memory reserved and no connection behind, where it sent values to",
    async () => {
      const client = await connect<Tasks>(scheduler);
      const memory = { memoryBytes: 40_000_000 };
      // One notices by its deadline; the other, whose deadline is later, by the keepalive of the system.
      const workers = await Promise.all([
        startWorker("by-deadline", { ...memory, stallMs: 1_500 }),
        startWorker("by-keepalive", memory),
      ]);
      const addresses = (await client.workers()).map(({ address }) => address!);
      // Of each worker's memory the value takes so much that a second one waits until there is room.
      const sender = far.node([
        ...[fixture("begins-transfers.ts"), scheduler.token, "30000000"],
        ...addresses,
      ]);
      await sender.wrote(/begun/);
      await expect.poll(() => far.connections, patient).toBeGreaterThanOrEqual(2);
      far.vanish();
      const scatterTo = (name: string, timeoutMs: number) =>
        client.scatter(new Uint8Array(15_000_000), { workers: [name], timeoutMs });
      await expect(scatterTo("by-keepalive", 1_000)).rejects.toThrow();
      await sender.end("SIGKILL");
      for (const name of ["by-deadline", "by-keepalive"]) {
        const held = await scatterTo(name, patientMs);
        expect(held.status).toBe("finished");
        held.release();
      }
      expect(far.connections).toBe(0);
      await Promise.all(workers.map((worker) => worker.end()));
    },
    2 * patientMs,
  );

  test(
    "costs those who ask it for twenty values one timeout, and gives them once it is back",
    async () => {
      const client = await connect<Tasks>(scheduler);
      const holder = await startWorker("holder", { localAddress: far.far }, (args) =>
        far.node(args),
      );
      const { folder } = scheduler;
      const count = 20_000;
      const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
      const onHolder = client.with({ workers: ["holder"] });
      const ramps = seeds.map((seed) => onHolder.submit("ramp", folder, count, seed));
      await client.wait(ramps);
      const reader = await startWorker("reader");
      far.vanish();

      // The relay has no other way to these values.
      const relay = new Requester(
        await openProven(
          { url: transferAddress(scheduler.url), token: scheduler.token },
          { timeoutMs: patientMs },
        ),
        () => undefined,
      );
      const located = await client.whoHas(ramps);
      expect(Object.values(located)).toEqual(seeds.map(() => ["holder"]));
      const startedAt = performance.now();
      const orders = new Map((await client.tasks()).map(({ key, order }) => [key, order]));
      for (const { key } of ramps) {
        const want = { key, order: orders.get(key)!, attempt: 1 };
        const fetching = relay.fetch(want, 8 * count);
        await expect(fetching).rejects.toThrow(/none of its holders could be reached/);
      }
      expect(performance.now() - startedAt).toBeLessThan(10_000);

      const sums = ramps.map((ramp) => client.with({ workers: ["reader"] }).submit("total", ramp));
      await expect
        .poll(async () => (await client.explain(sums[19]!)).history.length, patient)
        .toBeGreaterThan(4);
      far.comeBack();
      const backAt = performance.now();
      expect(await client.gather(sums)).toEqual(
        seeds.map((seed) => (seed * count * (count - 1)) / 2),
      );
      expect(performance.now() - backAt).toBeLessThan(15_000);
      relay.close();
      await Promise.all([holder.end(), reader.end()]);
    },
    2 * patientMs,
  );
});
