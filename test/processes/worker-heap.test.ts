// A worker with a small heap is filled far past it with each kind of thing that it keeps, and goes on. The
// limits in bytes that it has are far away, so nothing but what the heap takes can hold it back.

import path from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Client } from "../../src/index.ts";
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
  const future = client.submit("submitMany", 50_000, 3_000);
  await worker.wrote(/submitting/);
  scheduler.program.signal("SIGSTOP");
  await worker.wrote(/taking no new tasks: messages that wait to be sent take/);
  scheduler.program.signal("SIGCONT");
  expect(await future.result()).toBe(150_000_000);
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
