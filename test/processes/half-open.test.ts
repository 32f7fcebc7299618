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
      const statuses = async () => {
        const all = await client.workers();
        return Object.fromEntries(all.map(({ name, status }) => [name, status]));
      };
      const addresses = (await client.workers()).map(({ address }) => address!);
      // A value by itself is let in, however large: more than the limit, so a worker that has begun with it is full.
      const sender = far.node([
        ...[fixture("begins-transfers.ts"), scheduler.token, "45000000"],
        ...addresses,
      ]);
      await sender.wrote(/begun/);
      far.vanish();
      await expect
        .poll(statuses, patient)
        .toEqual({ "by-deadline": "paused", "by-keepalive": "paused" });
      expect(far.connections).toBeGreaterThanOrEqual(2);
      await sender.end("SIGKILL");
      await expect.poll(statuses, patient).toEqual({ "by-deadline": "up", "by-keepalive": "up" });
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
      for (const [order, { key }] of ramps.entries()) {
        const fetching = relay.fetch({ key, order, attempt: 1 }, 8 * count);
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
