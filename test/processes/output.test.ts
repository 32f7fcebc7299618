// Values that tasks put out before their end, on real workers: in order, all of them, ahead of the
// result, and no faster than they are taken.

import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { tested } from "../isolation.ts";
import { addCleanUp, cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("./fixtures/puts-out.ts");
const modules = [path.join(import.meta.dirname, "fixtures", "puts-out.ts")];

afterEach(cleanUp, patientMs);

const clusters: Record<string, () => Promise<Client<Tasks>>> = {
  async daemons() {
    const scheduler = await startScheduler();
    await startWorker(scheduler, { name: "one", modules, threads: 2, isSupervised: true });
    return connect<Tasks>(scheduler);
  },
  async "Client.local"() {
    const { isolation } = tested;
    const client = await Client.local<Tasks>({ modules, threads: 2, isolation });
    addCleanUp(() => client.close());
    return client;
  },
};

describe.each(Object.entries(clusters))("with %s", (_, cluster) => {
  test(
    "comes in order and before the result, whether or not the task waits, and is dropped when nobody listens",
    async () => {
      const client = await cluster();
      const heard: unknown[] = [];
      const output = (value: unknown) => void heard.push(value);
      expect(await client.with({ output }).submit("atOnce", 10_000).result()).toBe("returned");
      expect(heard).toEqual(Array.from({ length: 10_000 }, (_each, index) => index));
      heard.length = 0;
      await client.with({ output }).submit("numbers", 3).result();
      expect(heard).toMatchObject([{ number: 0 }, { number: 1 }, { number: 2 }]);
      expect(await client.submit("numbers", 1_000, 10_000).result()).toBe(1_000);
      expect(await client.submit("hears", 100).result()).toHaveLength(100);
    },
    patientMs,
  );

  test(
    "does not run ahead of a listener that takes its time",
    async () => {
      const client = await cluster();
      const gate = Promise.withResolvers<void>();
      let [count, bytes] = [0, 0];
      const output = async (value: unknown) => {
        count += 1;
        bytes += (value as { filling: Uint8Array }).filling.length;
        await gate.promise;
      };
      const future = client.with({ output }).submit("numbers", 200, 10_000);
      await expect.poll(() => bytes, { timeout: patientMs }).toBeGreaterThan(200_000);
      // Another task of the same worker goes on, and comes back after whatever was on its way.
      expect(await client.submit("numbers", 3).result()).toBe(3);
      expect(bytes).toBeLessThan(300_000);
      gate.resolve();
      expect(await future.result()).toBe(200);
      expect({ count, bytes }).toEqual({ count: 200, bytes: 2_000_000 });
    },
    patientMs,
  );

  test(
    "waits for nobody who is gone",
    async () => {
      const client = await cluster();
      const future = client.with({ output: () => new Promise(() => undefined) });
      const stuck = future.submit("numbers", 200, 10_000);
      client.fireAndForget(stuck);
      await expect.poll(async () => (await client.info()).tasks["running"]).toBe(1);
      stuck.release();
      await expect.poll(async () => (await client.info()).totals.finished).toBe(1);
    },
    patientMs,
  );

  test(
    "refuses what cannot be put out, with words",
    async () => {
      const client = await cluster();
      const listened = client.with({ output: () => undefined });
      expect(await listened.submit("large", 17 * 2 ** 20).result()).toMatch(/in pieces.*16 MiB/);
      expect(await listened.submit("future").result()).toContain("Put out its value");
      expect(() => client.with({ output: 7 as never })).toThrow("output must be a function");
    },
    patientMs,
  );

  test(
    "tells a start after a loss from the one before",
    async () => {
      const client = await cluster();
      const starts: unknown[] = [];
      const output = (value: unknown, { start }: { start: number }) =>
        void starts.push([value, start]);
      expect(await client.with({ output }).submit("diesOnce").result()).toBe(2);
      expect(starts).toEqual([
        [1, 1],
        [2, 2],
      ]);
    },
    patientMs,
  );
});
