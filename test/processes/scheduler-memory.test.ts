// A scheduler with a small heap is driven far past it, in each kind of thing that it keeps. It lives, whoever fills
// it is refused what is too much and can try again, others come to their results, and in the end it has what it had.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { OverloadedError, TaskError, type Client, type Future } from "../../src/index.ts";
import {
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  type Scheduler,
} from "./daemons.ts";

import { clientHello, RawPeer, workerHello } from "./raw-peer.ts";

type Tasks = typeof import("./fixtures/large-small.ts");
const module = path.join(import.meta.dirname, "fixtures", "large-small.ts");

const mebibyte = 2 ** 20;
let scheduler: Scheduler;
let client: Client<Tasks>;
let bystander: Client<Tasks>;
let emptyBytes: number;
const folder = mkdtempSync(path.join(tmpdir(), "thence-memory-"));

beforeAll(async () => {
  // Large payloads lie outside the heap, which has a limit of its own.
  scheduler = await startScheduler({ memoryLimit: 64 * mebibyte }, ["--max-old-space-size=160"]);
  await startWorker(scheduler, { name: "w1", modules: [module], threads: 2 });
  client = await connect<Tasks>(scheduler);
  bystander = await connect<Tasks>(scheduler);
  emptyBytes = (await client.info()).memory.usedBytes;
}, patientMs);
afterAll(async () => {
  await cleanUp();
  rmSync(folder, { recursive: true });
}, patientMs);

let text = 0;
/** Different each time, as the values of a program are. */
const large = (bytes: number) => `${(text += 1)}`.padEnd(bytes, "x");

/** Waits for a file, so that it is there while others fill the scheduler. */
let waiting: { gate: string; future: Future<string> };
beforeEach(async () => {
  const gate = path.join(folder, `gate-${(text += 1)}`);
  waiting = { gate, future: bystander.submit("untilFile", gate) };
  await bystander.info();
});

async function expectBystanderServed(workers = 1): Promise<void> {
  writeFileSync(waiting.gate, "");
  expect(await waiting.future.result({ timeoutMs: patientMs })).toBe(waiting.gate);
  waiting.future.release();
  expect((await bystander.info()).workers).toBe(workers);
  expect(scheduler.program.isRunning).toBe(true);
}

/** All is let go: the ledger is where it began, and what was refused is taken again. */
async function expectEmptied(): Promise<void> {
  await vi.waitFor(
    async () => {
      const { memory } = await bystander.info();
      expect(memory).toMatchObject({ level: "ample" });
      expect(memory.usedBytes).toBeLessThan(emptyBytes + 20_000);
    },
    { timeout: patientMs, interval: 50 },
  );
  expect(await bystander.submit("echo", 1).result({ timeoutMs: patientMs })).toBe(1);
}

const manyNames = (of: number, count: number, length: number) =>
  Array.from({ length: count }, (_, index) => `${of}-${index}-`.padEnd(length, "f"));

function expectOnlyRefused(errors: readonly unknown[]): number {
  const refused = errors.filter((error) => error !== undefined);
  for (const error of refused) {
    expect(error).toBeInstanceOf(OverloadedError);
    expect(error).toMatchObject({ code: "overloaded", retriable: true });
  }
  return refused.length;
}

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("far past its limit", { timeout: 2 * patientMs }, () => {
  test("arguments of tasks that wait", async () => {
    const nowhere = client.with({ workers: ["nowhere"] });
    const futures = Array.from({ length: 24 }, () => nowhere.submit("echo", large(8 * mebibyte)));
    await bystander.info();
    // Those that were refused have settled when a later request is answered.
    await client.info();
    const settled = futures.filter((future) => future.done);
    const refused = expectOnlyRefused(await Promise.all(settled.map((each) => each.exception())));
    expect(refused).toBeGreaterThan(10);
    expect(refused).toBeLessThan(24);
    await expectBystanderServed();
    for (const future of futures) future.release();
    await expectEmptied();
  });

  test("small tasks", async () => {
    const nowhere = client.with({ workers: ["nowhere"] });
    const futures = nowhere.map(
      "echo",
      Array.from({ length: 300_000 }, (_, index) => index),
    );
    await client.info();
    const settled = futures.filter((future) => future.done);
    expect(settled.length).toBeGreaterThan(100_000);
    expect(settled.length).toBeLessThan(290_000);
    expectOnlyRefused(await Promise.all(settled.slice(0, 100).map((each) => each.exception())));
    await expectBystanderServed();
    client.release(futures);
    await expectEmptied();
  });

  test("a map of three times what there is room for, whose results are let go", async () => {
    const numbers = Array.from({ length: 400_000 }, (_, index) => index);
    let [finished, refused] = [0, 0];
    for await (const future of client.asCompleted(client.map("echo", numbers))) {
      const error = await future.exception();
      if (error === undefined) finished++;
      else refused += expectOnlyRefused([error]);
      future.release();
    }
    expect(finished).toBeGreaterThan(80_000);
    expect(finished + refused).toBe(numbers.length);
    await expectBystanderServed();
    await expectEmptied();
  });

  test("tasks with options of their own", async () => {
    const futures = Array.from({ length: 20_000 }, (_, index) =>
      client
        .with({ workers: ["nowhere"], limitName: `name ${index}`, maxRunning: 1 })
        .submit("echo", index),
    );
    await client.info();
    const settled = futures.filter((future) => future.done);
    expect(settled.length).toBeGreaterThan(1_000);
    expectOnlyRefused(await Promise.all(settled.slice(0, 100).map((each) => each.exception())));
    await expectBystanderServed();
    client.release(futures);
    await expectEmptied();
  });

  test("published values, items of queues and values of variables", async () => {
    const queue = client.queue("q");
    const names = Array.from({ length: 12 }, (_, index) => `name ${index}`);
    const refused = expectOnlyRefused([
      ...(await Promise.all(
        names.map((name) => errorOf(client.publish(name, large(5 * mebibyte)))),
      )),
      ...(await Promise.all(names.map(() => errorOf(queue.put(large(5 * mebibyte)))))),
      ...(await Promise.all(
        names.map((name) => errorOf(client.variable(name).set(large(5 * mebibyte)))),
      )),
    ]);
    expect(refused).toBeGreaterThan(20);
    await expectBystanderServed();
    for (const name of await client.listPublished()) await client.unpublish(name);
    for (let left = await queue.size(); left > 0; left--) await queue.get();
    for (const name of names) await client.variable(name).delete();
    await expectEmptied();
  });

  test("errors of tasks", async () => {
    const futures = client.map(
      "fails",
      Array.from({ length: 600 }, (_, index) => index),
    );
    await client.wait(futures, { timeoutMs: patientMs });
    const errors = await Promise.all(futures.map((future) => future.exception()));
    for (const error of errors) expect(error).toBeInstanceOf(TaskError);
    // The first are whole; of the others less is kept.
    expect((errors[0]!.cause as Error).message.length).toBeGreaterThan(50_000);
    expect((errors.at(-1)!.cause as Error).message.length).toBeGreaterThan(100);
    await expectBystanderServed();
    client.release(futures);
    await expectEmptied();
  });

  test("functions of workers", async () => {
    const peers: RawPeer[] = [];
    const answers: string[] = [];
    for (let at = 0; at < 40; at++) {
      const peer = await RawPeer.connect(scheduler);
      const { type, code } = await peer.welcomed({
        ...workerHello,
        ...{ id: `raw-${at}`, name: `raw-${at}`, functions: manyNames(at, 10_000, 250) },
      });
      answers.push(type === "refused" ? (code as string) : type);
      if (type === "welcome") peers.push(peer);
    }
    // Whoever has the same modules as one that is here brings next to nothing.
    const twin = await RawPeer.connect(scheduler);
    const functions = manyNames(0, 10_000, 250);
    const { type } = await twin.welcomed({ ...workerHello, id: "twin", name: "twin", functions });
    expect([peers.length > 0, peers.length < 30, type]).toEqual([true, true, "welcome"]);
    expect(new Set(answers)).toEqual(new Set(["welcome", "unavailable"]));
    await expectBystanderServed(peers.length + 2);
    await Promise.all([twin, ...peers].map((peer) => peer.leave()));
    await expectEmptied();
  });

  test("sessions of clients", async () => {
    const peers: RawPeer[] = [];
    let refused = 0;
    for (let at = 0; at < 3_000 && refused === 0; at++) {
      const peer = await RawPeer.connect(scheduler);
      const hello = { ...clientHello, id: `raw-${at}`, name: `${at}`.padEnd(250, "x") };
      const { type, code } = await peer.welcomed(hello);
      if (type === "welcome") peers.push(peer);
      else {
        expect(code).toBe("unavailable");
        refused++;
      }
    }
    expect([peers.length > 300, refused]).toEqual([true, 1]);
    await expectBystanderServed();
    await Promise.all(peers.map((peer) => peer.leave()));
    await expectEmptied();
  });

  test("rate limits that outlive their tasks", async () => {
    const rateLimit = { count: 1, perMs: 1e9 };
    const futures = Array.from({ length: 20_000 }, (_, index) =>
      client.with({ limitName: `limit ${index}`, rateLimit }).submit("echo", index),
    );
    await client.wait(futures, { timeoutMs: patientMs });
    const errors = await Promise.all(futures.map((future) => future.exception()));
    const refused = expectOnlyRefused(errors);
    expect([refused > 1_000, refused < 19_000]).toEqual([true, true]);
    const named = errors.findIndex((error) => error !== undefined);
    expect(errors[named]!.message).toContain(`"limit ${named}"`);
    await expectBystanderServed();
    client.release(futures);
    // They are remembered for days, and in nobody's way.
    expect((await bystander.info()).memory.level).toBe("ample");
    const { usedBytes } = (await bystander.info()).memory;
    expect(usedBytes).toBeLessThan(emptyBytes + 16 * mebibyte);
    expect(await client.submit("echo", 1).result({ timeoutMs: patientMs })).toBe(1);
    emptyBytes = usedBytes;
  });

  test("names and resources that tasks ask for", async () => {
    const futures = Array.from({ length: 400 }, (_, index) => {
      const names = manyNames(index, 1_000, 10);
      const resources = Object.fromEntries(names.slice(0, 250).map((name) => [name, 1]));
      const options = index % 2 === 0 ? { workers: names } : { resources };
      return client.with(options).submit("echo", index);
    });
    await client.info();
    const settled = futures.filter((future) => future.done);
    const refused = expectOnlyRefused(await Promise.all(settled.map((each) => each.exception())));
    expect([refused > 50, refused < 400]).toEqual([true, true]);
    await expectBystanderServed();
    client.release(futures);
    await expectEmptied();
  });

  test("locks, and whoever waits for one", async () => {
    const other = await connect<Tasks>(scheduler);
    const outcomes = Array.from({ length: 40_000 }, (_, index) =>
      errorOf(other.lock(`${index % 20_000}`.padEnd(200, "n")).acquire()),
    );
    await other.info();
    const refused: unknown[] = [];
    // Of those that wait there is no outcome.
    for (const outcome of outcomes) {
      void outcome.then((error) => {
        if (error !== undefined) refused.push(error);
      });
    }
    await other.info();
    expectOnlyRefused(refused.slice(0, 100));
    expect([refused.length > 20_000, refused.length < 39_000]).toEqual([true, true]);
    expect((await bystander.info()).memory.level).toBe("ample");
    await expectBystanderServed();
    await other.close();
    await expectEmptied();
  });

  test("results", async () => {
    const futures = client.map(
      "sized",
      Array.from({ length: 1_500 }, () => 60_000),
    );
    for await (const future of client.asCompleted(futures)) {
      expect((await future.result()).length).toBe(60_000);
    }
    await expectBystanderServed();
    client.release(futures);
    await expectEmptied();
  });
});
