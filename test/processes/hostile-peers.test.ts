// Programs with the full token that bring what no worker would: without bounds, again and again, or though nobody asked.
// The scheduler lives, keeps no more than it may, and serves the others.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client, Future } from "../../src/index.ts";
import type { FromWorker } from "../../src/wire/protocol.ts";
import { arithmetic, cleanUp, connect, patientMs } from "./daemons.ts";
import { startScheduler, startWorker, type Scheduler } from "./daemons.ts";
import { HostileWorker, type AttemptId } from "./hostile-worker.ts";
import { RawPeer, clientHello, workerHello } from "./raw-peer.ts";

const mebibyte = 2 ** 20;
let scheduler: Scheduler;
let bystander: Client<{ add(a: number, b: number): number }>;
let emptyBytes: number;
beforeEach(() => start(32, 80), patientMs);
afterEach(cleanUp);

async function start(memoryMebibytes: number, heapMebibytes: number): Promise<void> {
  const options = { memoryLimit: memoryMebibytes * mebibyte, core: { graceMs: 1_000 } };
  scheduler = await startScheduler(options, [`--max-old-space-size=${heapMebibytes}`]);
  await startWorker(scheduler, { name: "one", modules: [arithmetic] });
  bystander = await connect(scheduler);
  emptyBytes = (await bystander.info()).memory.usedBytes;
}

let texts = 0;
/** Different each time, as values are. */
const large = (characters: number) => `${(texts += 1)}`.padEnd(characters, "x");

/** Nothing is left of what was brought, and a call is served. */
async function expectEmptied(client: Client, futures: readonly Future<unknown>[]): Promise<void> {
  client.release(futures);
  await client.close();
  await vi.waitFor(
    async () => {
      const { memory, workers } = await bystander.info();
      expect([memory.level, workers]).toEqual(["ample", 1]);
      expect(memory.usedBytes).toBeLessThan(emptyBytes + 20_000);
    },
    { timeout: patientMs, interval: 50 },
  );
  expect(await bystander.submit("add", 1, 2).result({ timeoutMs: patientMs })).toBe(3);
  expect(scheduler.program.isRunning).toBe(true);
}

const finished = ({ key, attempt }: AttemptId, value: string | { bytes: number }): FromWorker => ({
  type: "finished",
  keys: [key],
  attempts: [attempt],
  values: [value],
  micros: [1],
});
const failed = (at: AttemptId, code: string): FromWorker => ({
  type: "failed",
  ...at,
  failure: { code, message: large(60_000) },
});
const leaving: FromWorker = { type: "leaving", keeps: true, reason: large(1_000) };
const heldBy = ({ key, attempt }: AttemptId) => finished({ key, attempt }, { bytes: 1 });

describe("a worker brings, far past the limit of the scheduler,", { timeout: patientMs }, () => {
  /** Of how many tasks, and what it says of each; until it has said so many bytes. */
  test.each<[string, number, (attempt: AttemptId) => FromWorker[]]>([
    ["results that it was told to keep", 3_000, (at) => [finished(at, `"${large(60_000)}"`)]],
    ["results larger than any that it may send", 200, (at) => [finished(at, `"${large(2e6)}"`)]],
    [
      "how far its tasks are",
      3_000,
      (at) => [{ type: "progress", ...at, fraction: 0.5, text: large(60_000) }],
    ],
    ["errors", 3_000, (at) => [failed(at, "task-failed")]],
    ["how its threads ended", 3_000, (at) => [failed(at, "thread-lost")]],
    ["its farewells", 3_000, (at) => [heldBy(at), ...Array.from({ length: 100 }, () => leaving)]],
  ])("%s", async (what, tasks, says) => {
    let said = 0;
    const facts = { name: what, functions: ["forHostile"] };
    const worker = await HostileWorker.join(scheduler, facts, (attempt) => {
      const messages = said > 150 * mebibyte ? [] : says(attempt);
      said += JSON.stringify(messages).length;
      return messages;
    });
    const client: Client = await connect(scheduler);
    const futures = client.map(
      "forHostile",
      Array.from({ length: tasks }, (_, index) => index),
    );
    while (said < 120 * mebibyte) await bystander.info();
    while (worker.link.bufferedBytes > 0) await bystander.info();
    await worker.link.close();
    await expectEmptied(client, futures);
  });
});

test(
  "of the jobs that workers ran in, nothing else is kept",
  async () => {
    for (let at = 0; at < 60; at++) {
      const job = { system: "slurm", id: "1", step: "0", more: large(2 * mebibyte) };
      const peer = await RawPeer.connect(scheduler);
      await peer.welcomed({ ...workerHello, id: `job ${at}`, name: `job ${at}`, job });
      await peer.leave();
    }
    await expectEmptied(await connect(scheduler), []);
  },
  patientMs,
);

test(
  "workers that read nothing are cut off when too much waits for all of them",
  async () => {
    const keys = Array.from({ length: 1_900 }, (_, index) => `${index}`.padEnd(250, "k"));
    const [attempts, values, micros] = [1, { bytes: 1 }, 0].map((each) => keys.map(() => each));
    const deaf = await Promise.all(
      Array.from({ length: 12 }, async (_, at) => {
        const peer = await RawPeer.connect(scheduler);
        await peer.welcomed({ ...workerHello, id: `deaf ${at}`, name: `deaf ${at}` });
        peer.stopReading();
        return peer;
      }),
    );
    // Each of these results is freed at once, since nobody has asked for it.
    for (let at = 0; at < 40; at++) {
      for (const peer of deaf) peer.send([0, { type: "finished", keys, attempts, values, micros }]);
      await bystander.info();
    }
    await scheduler.program.wrote(/cut off worker deaf/);
    for (const peer of deaf) peer.terminate();
    await expectEmptied(await connect(scheduler), []);
  },
  patientMs,
);

test(
  "a worker that does not wait until its output is read is cut off, and not its reader",
  async () => {
    // Room for all that is put out before the worker is cut off.
    await start(256, 512);
    const facts = { name: "raw", functions: ["forHostile"] };
    const worker = await HostileWorker.join(scheduler, facts, (at) =>
      Array.from({ length: 40 }, () => ({
        ...{ type: "output" as const, ...at },
        value: `"${large(mebibyte)}"`,
      })),
    );
    const reader = await RawPeer.connect(scheduler);
    await reader.welcomed(clientHello);
    reader.send([0, { type: "submit", name: "forHostile", keys: ["one"], args: ["[]"] }]);
    await worker.lost;
    await worker.link.close();
    expect(scheduler.program.stderr).toContain("worker raw was lost: it put out more than");
    expect((await bystander.info()).clients).toBe(2);
    await reader.leave();
    await expectEmptied(await connect(scheduler), []);
  },
  patientMs,
);

test(
  "a frame of a million empty parts is not read",
  async () => {
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed({ ...clientHello, id: "empty parts" });
    const text = `[0,[${Array(1_000_000).fill(0).join()}],{"type":"ping","id":1}]`;
    const frame = Buffer.alloc(Math.ceil((4 + text.length) / 8) * 8);
    frame.writeUInt32LE(text.length);
    frame.write(text, 4);
    peer.send(frame);
    expect(await peer.closed).toMatchObject({ code: 4002 });
    await expectEmptied(await connect(scheduler), []);
  },
  patientMs,
);

test(
  "one short text that is kept of a frame of long ones keeps none of these",
  async () => {
    let isOver = false;
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed({ ...clientHello, id: "raw texts" });
    const closed = peer.closed.finally(() => (isOver = true));
    for (let at = 0; at < 60 && !isOver; at++) {
      const args = [`"${large(100)}"`, `"${large(4 * mebibyte)}"`].join("\n");
      const keys = [`kept ${at}`, `let go ${at}`];
      peer.send([0, { type: "submit", name: "nowhere", keys, args }]);
      peer.send([0, { type: "release", keys: [keys[1]] }]);
      await bystander.info();
    }
    if (!isOver) await peer.leave();
    expect(await closed).toMatchObject({ code: 4002 });
    await expectEmptied(await connect(scheduler), []);
  },
  patientMs,
);
