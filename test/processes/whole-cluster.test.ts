// What clients do to a cluster and to each other, through real processes: a function on every
// worker, publishing, pure calls, turns, starting over and the end.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  KeyConflictError,
  LostDataError,
  TaskCancelledError,
  TaskError,
  UnknownTaskError,
  UnschedulableError,
  type Client,
  type Future,
} from "../../src/index.ts";
import type { Program } from "../processes.ts";
import { arithmetic, behaviours, cleanUp, connect, patientMs } from "./daemons.ts";
import { startScheduler, startWorker, tasks, type Scheduler } from "./daemons.ts";
import { openGate, timesRun } from "./fixtures/traces.ts";

type Tasks = typeof import("./fixtures/tasks.ts") & typeof import("../fixtures/behaviours.ts");

let scheduler: Scheduler;
let workers: Program[];
let [ann, bob]: Client<Tasks>[] = [];

beforeAll(async () => {
  scheduler = await startScheduler();
  workers = await Promise.all([
    startWorker(scheduler, { name: "w1", modules: [tasks, behaviours] }),
    startWorker(scheduler, { name: "w2", modules: [tasks, behaviours] }),
  ]);
  [ann, bob] = await Promise.all([connect<Tasks>(scheduler), connect<Tasks>(scheduler)]);
}, patientMs);
afterAll(cleanUp, patientMs);

const clients = () => ({ ann: ann!, bob: bob! });
const patient = { timeout: patientMs };

describe("run", () => {
  test("calls a function once on every worker, and names each result's", patient, async () => {
    const { ann } = clients();
    const facts = await ann.run("facts");
    expect(Object.keys(facts).sort()).toEqual(["w1", "w2"]);
    expect([facts["w1"]?.worker, facts["w2"]?.worker]).toEqual(["w1", "w2"]);
    const sum = ann.submit("add", 1, 2);
    expect(await ann.run("add", sum, 3)).toEqual({ w1: 6, w2: 6 });
  });

  test("goes before what waits already", patient, async () => {
    const { ann } = clients();
    const waiting = ann.map("block", Array.from({ length: 100 }).fill(20) as number[]);
    await ann.wait(waiting, { returnWhen: "first" });
    await ann.run("facts");
    expect(waiting.filter(({ done }) => !done).length).toBeGreaterThan(50);
    ann.cancel(waiting);
  });

  test("throws one error that names the workers where it failed", patient, async () => {
    const { ann } = clients();
    const third = await startWorker(scheduler, { name: "w3", modules: [arithmetic] });
    const failing = await ann.run("failLater", "no luck").catch((error: unknown) => error);
    expect(failing).toBeInstanceOf(AggregateError);
    const { message, errors } = failing as AggregateError;
    expect(message).toMatch(/^"failLater" failed on 3 of 3 workers: w\d: .*no luck/);
    expect(message).toContain('w3: worker w3 has no function "failLater"');
    const kinds = errors.map((error: Error) => error.constructor);
    expect(kinds.filter((kind) => kind === TaskError)).toHaveLength(2);
    expect(kinds.filter((kind) => kind === UnknownTaskError)).toHaveLength(1);
    await third.end();
  });
});

test(
  "published futures outlive their client, and any other has them by name",
  patient,
  async () => {
    const { ann } = clients();
    const passing = await connect<Tasks>(scheduler);
    const large = passing.submit("bytes", 1_000_000);
    const later = passing.submit("block", 100);
    await passing.publish("model", { large, list: [later], made: new Date(5) });
    await passing.close();

    expect(await ann.listPublished()).toEqual(["model"]);
    await expect(ann.publish("model", 1)).rejects.toThrow(KeyConflictError);
    type Model = { large: Future<Uint8Array>; list: Future<void>[]; made: Date };
    const { large: theirs, list, made } = await ann.published<Model>("model");
    expect(made).toEqual(new Date(5));
    expect((await theirs.result()).byteLength).toBe(1_000_000);
    await ann.gather(list);
    await ann.publish("model", [theirs], { override: true });
    await ann.unpublish("model");
    await expect(ann.published("model")).rejects.toThrow(LostDataError);
    expect(await ann.submit("add", 1, 1).result()).toBe(2);
  },
);

test(
  "the same pure call by any client is computed once while someone holds it",
  patient,
  async () => {
    const { ann, bob } = clients();
    const { folder } = scheduler;
    openGate(folder);
    const once = [ann, bob, ann].map((client) =>
      client.with({ pure: true }).submit("double", folder, 1),
    );
    expect(await Promise.all(once.map((future) => future.result()))).toEqual([2, 2, 2]);
    expect(timesRun(folder).get(1)).toBe(1);
    for (const future of once) future.release();
    // The scheduler has heard of the releases when it has answered.
    await Promise.all([ann.info(), bob.info()]);
    const again = bob.with({ pure: true }).submit("double", folder, 1);
    await again.result();
    expect(timesRun(folder).get(1)).toBe(2);
  },
);

test(
  "the same key for another call is refused, for the same one it is the same task",
  patient,
  async () => {
    const { ann, bob } = clients();
    const first = ann.with({ key: "mine" }).submit("facts");
    const { attempt, key } = await first.result();
    expect([attempt, key]).toEqual([1, "mine"]);
    expect(await bob.with({ key: "mine" }).submit("facts").result()).toEqual(await first.result());
    const other = await connect<Tasks>(scheduler);
    const clash = other.with({ key: "mine" }).submit("echo", 1);
    await expect(clash.result()).rejects.toThrow(KeyConflictError);
    await expect(clash.result()).rejects.toThrow(/already names a call of "facts"/);
  },
);

test("what no worker could ever run fails with what is missing, in time", patient, async () => {
  const { ann } = clients();
  const hopeless = ann.with({ resources: { gpu: 1 }, unschedulableTimeoutMs: 200 });
  const future = hopeless.submit("add", 1, 2);
  const error = await future.exception();
  expect(error).toBeInstanceOf(UnschedulableError);
  expect(error?.message).toContain('no worker has 1 of resource "gpu"');
});

test(
  "a client with 100,000 tasks does not starve another with a single one",
  { timeout: 2 * patientMs },
  async () => {
    const { ann, bob } = clients();
    const numbers = Array.from({ length: 100_000 }, (_, index) => index);
    const many = ann.map("add", numbers, numbers);
    await ann.wait(many.slice(0, 1_000));
    expect(await bob.submit("add", 1, 2).result()).toBe(3);
    expect(many.filter(({ done }) => !done).length).toBeGreaterThan(10_000);
    ann.cancel(many);
    ann.release(many);
  },
);

describe("restart", () => {
  test("cancels all tasks of all clients and gives the workers new threads", patient, async () => {
    const { ann, bob } = clients();
    const finished = ann.submit("add", 1, 2);
    expect(await finished.result()).toBe(3);
    const large = ann.submit("bytes", 1_000_000);
    await ann.wait([large]);
    await ann.publish("model", large);
    const before = await ann.run("thread");
    const spinning = bob.map("spinIf", [true, true]);
    await expect.poll(async () => (await bob.info()).tasks.running, patient).toBe(2);
    const waiting = ann.map("echo", spinning);

    await ann.restart({ reason: "new data" });
    for (const future of [...spinning, ...waiting, large]) {
      await expect(future.result()).rejects.toThrow(TaskCancelledError);
      await expect(future.result()).rejects.toThrow(/new data/);
    }
    // What has arrived stays, and only that.
    expect(await finished.result()).toBe(3);
    expect(() => ann.submit("add", finished, 1)).toThrow(/pass its value/);
    const after = await bob.run("thread");
    expect(Object.keys(after).sort()).toEqual(["w1", "w2"]);
    for (const name of ["w1", "w2"]) expect(after[name]).not.toBe(before[name]);
    expect(await ann.listPublished()).toEqual([]);
    expect((await ann.info()).tasks).toMatchObject({ running: 0, ready: 0, waiting: 0 });
    expect(await bob.submit("add", 1, 10).result()).toBe(11);
  });
});

// The last: nobody is left after it.
test(
  "shutdown ends scheduler and workers with 0, and cancels what is in flight",
  patient,
  async () => {
    const { ann, bob } = clients();
    const running = ann.submit("ignoreSignal");
    await expect.poll(async () => (await ann.info()).tasks.running, patient).toBe(1);
    const waiting = ann.submit("echo", running);
    await bob.shutdown({ reason: "all done" });
    for (const future of [running, waiting]) {
      await expect(future.result()).rejects.toThrow(TaskCancelledError);
      await expect(future.result()).rejects.toThrow(/shut the scheduler down: all done/);
    }
    await expect(bob.submit("add", 1, 1).result()).rejects.toThrow(/connect again/);
    for (const { ended } of [scheduler.program, ...workers]) {
      const { how, stderr } = await ended;
      expect(how, stderr).toBe(0);
    }
  },
);
