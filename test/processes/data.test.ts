// Results that live on workers, with real processes: fetched, lost and made again, written to disk,
// and nothing left behind.

import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { LostDataError, UnschedulableError } from "../../src/index.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("./fixtures/large.ts");

afterEach(cleanUp, patientMs);

const modules = [path.join(import.meta.dirname, "fixtures", "large.ts")];
/** 8 MB each. */
const numbers = 1_000_000;
const sumOf = (seed: number) => (seed * numbers * (numbers - 1)) / 2;
const timesRan = async (folder: string, name: string) =>
  (await readFile(path.join(folder, "ran"), "utf8"))
    .split("\n")
    .filter((line) => line.startsWith(`${name} `)).length;

test(
  "kill -9 of the holder makes its results again, with what they were made of, and gather is exact",
  async () => {
    const scheduler = await startScheduler();
    const { folder } = scheduler;
    const one = await startWorker(scheduler, { name: "one", modules });
    const client = await connect<Tasks>(scheduler);
    const a = client.submit("ramp", folder, numbers, 1);
    const b = client.submit("ramp", folder, numbers, 2);
    const c = client.submit("plus", folder, a, b);
    await client.wait([c]);
    // Only what it was made of is remembered, not kept.
    client.release([a, b]);
    expect(await client.whoHas([c])).toEqual({ [c.key]: ["one"] });
    expect((await client.explain(a.key)).state).toBe("released");

    await startWorker(scheduler, { name: "two", modules });
    one.signal("SIGKILL");
    const [value, sum] = await client.gather([c, client.submit("total", c)]);
    expect([value.length, value[7], sum]).toEqual([numbers, 21, sumOf(3)]);
    expect(await client.whoHas([c])).toEqual({ [c.key]: ["two"] });
    expect(await timesRan(folder, "ramp-1")).toBe(2);
    expect((await client.explain(c)).losses).toEqual([]);
  },
  patientMs,
);

test(
  "scattered values whose holder is lost fail, and what depends on them, with LostDataError",
  async () => {
    const scheduler = await startScheduler();
    const one = await startWorker(scheduler, { name: "one", modules });
    const client = await connect<Tasks>(scheduler);
    const values = await client.scatter(new Float64Array(numbers));
    expect(await client.whoHas([values])).toEqual({ [values.key]: ["one"] });
    one.signal("SIGKILL");
    const sum = client.submit("total", values);
    await expect(sum.result()).rejects.toThrow(LostDataError);
    await expect(values.result()).rejects.toThrow(/scatter it again/);
  },
  patientMs,
);

test(
  "a scatter with no worker there waits for so long, then says what is missing",
  async () => {
    const scheduler = await startScheduler();
    const client = await connect<Tasks>(scheduler);
    const scattering = client.scatter(new Float64Array(numbers), { timeoutMs: 500 });
    await expect(scattering).rejects.toThrow(UnschedulableError);
    await expect(scattering).rejects.toThrow(/start a worker/);
    expect((await client.info()).tasks.waiting).toBe(0);
  },
  patientMs,
);

test(
  "results beyond a worker's memory go to its directory and come back exact; its files go with it",
  async () => {
    const scheduler = await startScheduler();
    const { folder } = scheduler;
    const spill = path.join(folder, "spill");
    const more = ["--memory-limit", "30MB", "--local-directory", spill];
    const worker = await startWorker(scheduler, { name: "one", modules, more });
    const client = await connect<Tasks>(scheduler);
    const seeds = Array.from({ length: 12 }, (_, index) => index + 1);
    const ramps = seeds.map((seed) => client.submit("ramp", folder, numbers, seed));
    await client.wait(ramps);
    const filesIn = async () => (await readdir(spill, { recursive: true })).length;
    await expect.poll(filesIn, { timeout: patientMs }).toBeGreaterThan(6);
    const sums = await client.gather(ramps.map((ramp) => client.submit("total", ramp)));
    expect(sums).toEqual(seeds.map(sumOf));
    for (const [index, seed] of seeds.entries()) {
      expect((await ramps[index]!.result())[numbers - 1]).toBe((numbers - 1) * seed);
    }
    client.release(ramps);
    await expect.poll(filesIn, { timeout: patientMs }).toBeLessThanOrEqual(2);
    await worker.end();
    expect(await readdir(spill)).toEqual([]);
  },
  patientMs,
);

test(
  "what a killed worker left in the directory is removed by the next one, and nothing else is",
  async () => {
    const scheduler = await startScheduler();
    const { folder } = scheduler;
    const spill = path.join(folder, "spill");
    await mkdir(path.join(spill, "mine"), { recursive: true });
    await mkdir(path.join(spill, `thence-worker+elsewhere+1+1`));
    const more = ["--memory-limit", "10MB", "--local-directory", spill];
    const one = await startWorker(scheduler, { name: "one", modules, more });
    const client = await connect<Tasks>(scheduler);
    await client.wait([1, 2, 3].map((seed) => client.submit("ramp", folder, numbers, seed)));
    await one.end("SIGKILL");
    const left = `thence-worker+${encodeURIComponent(hostname())}+${one.pid}+`;
    expect((await readdir(spill)).some((name) => name.startsWith(left))).toBe(true);
    const two = await startWorker(scheduler, { name: "two", modules, more });
    const names = await readdir(spill);
    expect(names.filter((name) => name.startsWith(left))).toEqual([]);
    expect(names).toContain("mine");
    expect(names).toContain("thence-worker+elsewhere+1+1");
    expect(two.stderr).toContain("removed the folder of a dead worker");
  },
  patientMs,
);

test(
  "a worker whose directory takes no more pauses and says so, and goes on when there is room again",
  async () => {
    const scheduler = await startScheduler();
    const { folder } = scheduler;
    const spill = path.join(folder, "spill");
    const more = ["--memory-limit", "20MB", "--local-directory", spill];
    const worker = await startWorker(scheduler, { name: "one", modules, more });
    const [own] = await readdir(spill);
    // As good as a full disk: no file can be made where it writes.
    await rename(path.join(spill, own!), path.join(spill, "aside"));
    await writeFile(path.join(spill, own!), "");
    const client = await connect<Tasks>(scheduler);
    const ramps = [1, 2].map((seed) => client.submit("ramp", folder, numbers, seed));
    await client.wait(ramps);
    await worker.wrote(/taking no new tasks: its results cannot be written to disk/);
    const status = async () => (await client.workers())[0]!.status;
    await expect.poll(status, { timeout: patientMs }).toBe("paused");
    const waiting = client.submit("total", ramps[0]!);
    expect((await client.explain(waiting)).why).toMatch(/paused \(one: /);
    await rm(path.join(spill, own!));
    await rename(path.join(spill, "aside"), path.join(spill, own!));
    expect(await waiting.result()).toBe(sumOf(1));
    await worker.wrote(/taking tasks again/);
  },
  patientMs,
);

test(
  "a retired worker hands its results over first, and ends",
  async () => {
    const scheduler = await startScheduler();
    const { folder } = scheduler;
    const one = await startWorker(scheduler, { name: "one", modules });
    const client = await connect<Tasks>(scheduler);
    const ramps = [1, 2, 3].map((seed) => client.submit("ramp", folder, numbers, seed));
    await client.wait(ramps);
    await startWorker(scheduler, { name: "two", modules });
    await client.retireWorkers(["one"]);
    expect((await one.ended).how).toBe(0);
    const sums = await client.gather(ramps.map((ramp) => client.submit("total", ramp)));
    expect(sums).toEqual([1, 2, 3].map(sumOf));
    expect(await timesRan(folder, "ramp-1")).toBe(1);
    for (const ramp of ramps) expect((await client.explain(ramp)).attempt).toBe(1);
  },
  patientMs,
);

test(
  "a retired worker stays while only it can hold a scattered value, and goes when another comes or by force",
  async () => {
    const scheduler = await startScheduler();
    const one = await startWorker(scheduler, { name: "one", modules });
    const client = await connect<Tasks>(scheduler);
    const table = await client.scatter(new Float64Array(numbers).fill(1));
    const retired = client.retireWorkers("one");
    await expect
      .poll(async () => (await client.workers())[0])
      .toMatchObject({
        status: "leaving",
        why: expect.stringContaining("no other worker can take"),
      });
    expect(one.isRunning).toBe(true);
    const two = await startWorker(scheduler, { name: "two", modules });
    await retired;
    expect((await one.ended).how).toBe(0);
    expect(await client.submit("total", table).result()).toBe(numbers);
    const stays = client.retireWorkers("two");
    await expect.poll(async () => (await client.workers())[0]?.why).toBeDefined();
    await client.retireWorkers("two", { force: true });
    await stays;
    expect((await two.ended).how).toBe(0);
  },
  patientMs,
);

test(
  "a task whose inputs no worker may have in memory at once fails and says so",
  async () => {
    const scheduler = await startScheduler();
    const { folder } = scheduler;
    const spill = path.join(folder, "spill");
    const more = ["--memory-limit", "12MB", "--local-directory", spill];
    await startWorker(scheduler, { name: "one", modules, more });
    const client = await connect<Tasks>(scheduler);
    const [a, b] = [1, 2].map((seed) => client.submit("ramp", folder, numbers, seed));
    const sum = client.submit("plus", folder, a!, b!);
    await expect(sum.result()).rejects.toThrow(UnschedulableError);
    await expect(sum.result()).rejects.toThrow(/raise --memory-limit/);
  },
  patientMs,
);
