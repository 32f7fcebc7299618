// A worker with a small heap is filled far past it with each kind of thing that it keeps, and goes on. The
// limits in bytes that it has are far away, so nothing but what the heap takes can hold it back.

import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { OverloadedError, type Client, type Future } from "../../src/index.ts";
import { root, type Program } from "../processes.ts";
import {
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  type Scheduler,
} from "./daemons.ts";

type Tasks = typeof import("./fixtures/filling.ts");
const module = path.join(root, "test", "processes", "fixtures", "filling.ts");

/** Of the worker's heap, where its modules alone take 20 MB. */
const heapMib = 64;

afterEach(cleanUp);

type Cluster = { scheduler: Scheduler; worker: Program; client: Client<Tasks> };

/** @param core options of the scheduler's core */
async function startCluster(core: object = {}, more: readonly string[] = []): Promise<Cluster> {
  const scheduler = await startScheduler({ core });
  const worker = await startWorker(scheduler, {
    name: "small",
    modules: [module],
    flags: [`--max-old-space-size=${heapMib}`],
    more: ["--memory-limit", "2GiB", ...more],
  });
  return { scheduler, worker, client: await connect<Tasks>(scheduler) };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const textOf = (characters: number, seed: number) =>
  `${seed} `.repeat(characters).slice(0, characters);

test("results in short texts", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster({ smallResultBytes: 1_000 });
  const count = 8_000;
  const futures = client.map("text", new Array<number>(count).fill(10_000), numbers(count));
  await client.wait(futures);
  expect(await futures[7]!.result()).toBe(textOf(10_000, 7));
  expect(await client.submit("length", futures[8]!).result()).toBe(10_000);
  expect(worker.isRunning).toBe(true);
});

test("results in long texts", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster();
  const count = 150;
  const futures = client.map("text", new Array<number>(count).fill(2_000_000), numbers(count));
  await client.wait(futures);
  expect(await client.submit("length", futures[8]!).result()).toBe(2_000_000);
  expect(await futures[7]!.result()).toBe(textOf(2_000_000, 7));
  expect(worker.isRunning).toBe(true);
});

test("errors", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster();
  const futures = client.map("fail", new Array<number>(600).fill(60_000), numbers(600));
  await client.wait(futures);
  await expect(futures[599]!.result()).rejects.toThrow("599 599");
  expect(worker.isRunning).toBe(true);
});

test("arguments", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster();
  const futures = client.map(
    "length",
    numbers(1_600).map((seed) => textOf(50_000, seed)),
  );
  expect(new Set(await client.gather(futures))).toEqual(new Set([50_000]));
  expect(worker.isRunning).toBe(true);
});

test("inputs", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster({ smallResultBytes: 1_000 });
  const texts = client.map("text", new Array<number>(1_600).fill(50_000), numbers(1_600));
  const lengths = await client.gather(client.map("length", texts));
  expect(new Set(lengths)).toEqual(new Set([50_000]));
  expect(worker.isRunning).toBe(true);
});

test("what its tasks submit while the scheduler stands still", { timeout: patientMs }, async () => {
  const { client, worker, scheduler } = await startCluster();
  const future = client.submit("submitMany", 50_000, 1_000);
  await worker.wrote(/submitting/);
  scheduler.program.signal("SIGSTOP");
  await worker.wrote(/taking no new tasks: messages that wait to be sent take/);
  scheduler.program.signal("SIGCONT");
  expect(await future.result()).toBe(50_000_000);
  expect(worker.isRunning).toBe(true);
});

test("what its tasks log and print", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster();
  expect(await client.submit("log", 50_000, 1_500).result()).toBe(1_500);
  expect(await client.submit("print", 50_000, 1_500).result()).toBe(1_500);
  expect(worker.isRunning).toBe(true);
});

test("scattered values", { timeout: patientMs }, async () => {
  const { client, worker } = await startCluster({ smallResultBytes: 1_000 });
  const futures = [];
  for (let seed = 0; seed < 1_600; seed += 100) {
    const some = numbers(100).map((index) => client.scatter(textOf(50_000, seed + index)));
    futures.push(...(await Promise.all(some)));
  }
  const lengths = await client.gather(client.map("length", futures));
  expect(new Set(lengths)).toEqual(new Set([50_000]));
  expect(worker.isRunning).toBe(true);
});

test("what nobody counts", { timeout: patientMs }, async () => {
  const scheduler = await startScheduler({});
  const gate = path.join(scheduler.folder, "fill");
  const filler = path.join(root, "test", "processes", "fixtures", "fills-heap.ts");
  const worker = await startWorker(scheduler, {
    name: "small",
    modules: [module],
    flags: [`--max-old-space-size=${heapMib}`, "--import", filler],
    env: { FILL_HEAP_WHILE: gate },
  });
  const client = await connect<Tasks>(scheduler);
  writeFileSync(gate, "");
  await worker.wrote(/taking no new tasks: its JavaScript heap is nearly used up/);
  const later = client.submit("length", "abc");
  rmSync(gate);
  await worker.wrote(/taking tasks again/);
  expect(await later.result()).toBe(3);
  expect(worker.isRunning).toBe(true);
});

describe("values of another worker", { timeout: 2 * patientMs }, () => {
  async function startWithOther(): Promise<Cluster & { made: (count: number) => Promise<Texts> }> {
    const cluster = await startCluster({ smallResultBytes: 1_000 });
    const other = { name: "large", modules: [module] };
    await startWorker(cluster.scheduler, other);
    const maker = cluster.client.with({ workers: ["large"] });
    const made = async (count: number) => {
      const texts = maker.map("text", new Array<number>(count).fill(1_001), numbers(count));
      await cluster.client.wait(texts);
      return texts;
    };
    return { ...cluster, made };
  }
  const here = { workers: ["small"] };
  type Texts = Future<string>[];

  test("as the inputs of one task", async () => {
    const { client, worker, made } = await startWithOther();
    const texts = await made(40_000);
    const few = texts.slice(0, 10_000);
    const small = client.with(here);
    expect(await small.submit("lengthOfAll", few).result()).toBe(10_010_000);
    const tooMany = [1, 2, 3].map(() => small.submit("lengthOfAll", texts));
    for (const future of tooMany) {
      const error = await future.exception();
      expect(error).toBeInstanceOf(OverloadedError);
      expect(error!.message).toMatch(/lengthOfAll has 40000 inputs, more than the JavaScript heap/);
    }
    expect(await small.submit("length", "abc").result()).toBe(3);
    expect(worker.isRunning).toBe(true);
  });

  test("as inputs of many tasks", async () => {
    const { client, worker, made } = await startWithOther();
    const lengths = await client.gather(client.with(here).map("length", await made(20_000)));
    expect(new Set(lengths)).toEqual(new Set([1_001]));
    expect(worker.isRunning).toBe(true);
  });
});

describe("while the scheduler stands still", { timeout: 2 * patientMs }, () => {
  type Many = (client: Client<Tasks>, gate: string, count: number) => Future<unknown>[];

  /** So many tasks wait, fill the worker while it can send nothing, and come to their ends. */
  async function fillAtOnce(
    count: number,
    many: Many,
    { core = {}, threads = 1, pauses = true } = {},
  ): Promise<Future<unknown>[]> {
    const more = ["--threads", `${threads}`, "--concurrency", `${count / threads}`];
    const { client, worker, scheduler } = await startCluster(core, more);
    const bystander = await connect<Tasks>(scheduler);
    const gate = path.join(scheduler.folder, "gate");
    const futures = many(client, gate, count);
    const said = (word: string) =>
      vi.waitFor(() => expect(worker.stderr.split(`: ${word}`)).toHaveLength(count + 1), {
        timeout: patientMs,
        interval: 100,
      });
    await said("waiting");
    const later = bystander.submit("length", "abc");
    scheduler.program.signal("SIGSTOP");
    writeFileSync(gate, "");
    await Promise.race([said("done"), worker.ended]);
    scheduler.program.signal("SIGCONT");
    await client.wait(futures, { timeoutMs: patientMs });
    expect(await later.result({ timeoutMs: patientMs })).toBe(3);
    expect(await client.submit("length", "abcd").result({ timeoutMs: patientMs })).toBe(4);
    expect(/taking no new tasks: messages that wait/.test(worker.stderr)).toBe(pauses);
    expect(worker.stderr).not.toMatch(/a thread ended/);
    expect(worker.isRunning).toBe(true);
    return futures;
  }

  const all = <Value>(count: number, value: Value) => new Array<Value>(count).fill(value);

  test("results of its tasks", async () => {
    const futures = await fillAtOnce(1_000, (client, gate, count) =>
      client.map("textLater", all(count, gate), all(count, 60_000), numbers(count)),
    );
    expect(await futures[999]!.result()).toBe(textOf(60_000, 999));
  });

  test("errors of its tasks, which are shortened then", async () => {
    const futures = await fillAtOnce(1_000, (client, gate, count) =>
      client.map("failLater", all(count, gate), all(count, 60_000), numbers(count)),
    );
    const errors = await Promise.all(futures.map((future) => future.exception()));
    const lengths = errors.map((error) => (error!.cause as Error).message.length);
    expect(new Set(lengths)).toEqual(new Set([60_000, 1_000]));
  });

  test("what its tasks put out", async () => {
    const lengths = new Map<number, number>();
    await fillAtOnce(1_000, (client, gate, count) =>
      numbers(count).map((index) => {
        const output = (part: unknown) => {
          lengths.set(index, (lengths.get(index) ?? 0) + (part as string).length);
        };
        return client.with({ output }).submit("putOutLater", gate, 50_000, 5);
      }),
    );
    expect(lengths.size).toBe(1_000);
    expect(new Set(lengths.values())).toEqual(new Set([250_000]));
  });

  test("how far its tasks are", async () => {
    const futures = await fillAtOnce(100, (client, gate, count) =>
      client.map("tellLater", all(count, gate), all(count, 60_000), all(count, 20)),
    );
    expect(await futures[99]!.result()).toBe(20);
  });

  test("values that its tasks scatter", async () => {
    const futures = await fillAtOnce(
      80,
      (client, gate, count) =>
        client.map("scatterLater", all(count, gate), all(count, 40_000), all(count, 20)),
      { core: { smallResultBytes: 1_000 }, threads: 8, pauses: false },
    );
    expect(await futures[79]!.result()).toBe(20);
  });
});
