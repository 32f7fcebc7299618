// The network between two of the processes goes away for two seconds in the middle of a large map,
// with an error or without a word, or one of them stands still: answers are exact, nothing runs twice.

import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client, Submitter } from "../../src/index.ts";
import type { Program } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import { gateAt, openGate, ranOn, timesRun } from "./fixtures/traces.ts";
import { Proxy } from "./proxy.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

/** How long the network is away. */
const awayMs = 2_000;

/** Two workers and a client; one worker and the client reach the scheduler through proxies. */
type Stage = {
  scheduler: Program;
  one: Program;
  client: Client<Tasks>;
  /** Between the worker `one` and the scheduler. */
  atWorker: Proxy;
  /** Between the client and the scheduler. */
  atClient: Proxy;
  folder: string;
};

async function setUp(options?: { heartbeatMs: number }): Promise<Stage> {
  const scheduler = await startScheduler(options);
  const [atWorker, atClient] = await Promise.all([
    Proxy.to(scheduler.port),
    Proxy.to(scheduler.port),
  ]);
  const [one] = await Promise.all([
    startWorker(scheduler, { name: "one", threads: 2, url: atWorker.url }),
    startWorker(scheduler, { name: "two" }),
  ]);
  const client = await connect<Tasks>({ ...scheduler, url: atClient.url });
  const { program, folder } = scheduler;
  return { scheduler: program, one, client, atWorker, atClient, folder };
}

afterAll(cleanUp, patientMs);

describe("with the usual heartbeats", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setUp();
  }, patientMs);

  test(
    "the link of a worker that is cut for two seconds costs nothing but time",
    async () => {
      const { ofWorker } = await mapAcross(stage, ({ atWorker }) => atWorker.cut());
      expect(ofWorker).toContain("the link to the scheduler is down");
      expect(ofWorker).toContain("the link to the scheduler is up again");
    },
    patientMs,
  );

  test(
    "the link of a client that is cut for two seconds costs nothing but time",
    async () => {
      const { ofScheduler } = await mapAcross(stage, ({ atClient }) => atClient.cut());
      expect(ofScheduler).toMatch(/the link of client \S+ dropped/);
    },
    patientMs,
  );

  test(
    "a link that is silent for two seconds goes on as if nothing had been",
    async () => {
      const { ofWorker, ofScheduler } = await mapAcross(stage, ({ atWorker, atClient }) => {
        atWorker.silence();
        atClient.silence();
      });
      expect(ofWorker).not.toContain("the link to the scheduler is down");
      expect(ofScheduler).not.toContain("dropped");
    },
    patientMs,
  );
});

describe("with heartbeats of 200 ms", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setUp({ heartbeatMs: 200 });
  }, patientMs);

  test(
    "the link of a worker that is silent for two seconds is made anew",
    async () => {
      const { ofWorker } = await mapAcross(stage, ({ atWorker }) => atWorker.silence());
      expect(ofWorker).toContain("the scheduler is down: nothing was heard for 0.6 s");
      expect(ofWorker).toContain("the link to the scheduler is up again");
    },
    patientMs,
  );

  test(
    "the link of a client that is silent for two seconds is made anew",
    async () => {
      const { ofScheduler } = await mapAcross(stage, ({ atClient }) => atClient.silence());
      expect(ofScheduler).toMatch(/client \S+ is silent: nothing was heard for 0\.6 s/);
    },
    patientMs,
  );

  test(
    "a worker that stands still for two seconds comes back to its tasks",
    async () => {
      const { ofWorker } = await mapAcross(stage, ({ one }) => one.signal("SIGSTOP"));
      expect(ofWorker).toContain("the link to the scheduler is up again");
    },
    patientMs,
  );

  test(
    "a scheduler that stands still for two seconds is waited for by all",
    async () => {
      const { ofScheduler } = await mapAcross(stage, ({ scheduler }) =>
        scheduler.signal("SIGSTOP"),
      );
      expect(ofScheduler).toContain("worker one came back");
    },
    patientMs,
  );
});

test(
  "a worker whose link is gone for longer than the grace period is lost, and others do its work; it ends in time",
  async () => {
    const scheduler = await startScheduler({ core: { graceMs: 500 } });
    const proxy = await Proxy.to(scheduler.port);
    const [one] = await Promise.all([
      startWorker(scheduler, { name: "one", url: proxy.url, more: ["--death-timeout", "3s"] }),
      startWorker(scheduler, { name: "two" }),
    ]);
    const client = await connect<Tasks>(scheduler);
    const { folder } = scheduler;
    const futures = doubles(client, folder, gateAt, gateAt + 200);
    const load = async () => (await client.workers()).map(({ tasks }) => tasks > 0);
    await expect.poll(load, { timeout: patientMs }).toEqual([true, true]);
    proxy.cut();
    const { how, stderr } = await one.ended;
    expect(how).toBe(1);
    expect(stderr.match(/ error .*could not be restored within 3 s/g)).toHaveLength(1);
    openGate(folder);
    expect(await client.gather(futures)).toEqual(range(gateAt, gateAt + 200).map((n) => 2 * n));
    expect((await client.workers()).map(({ name }) => name)).toEqual(["two"]);
  },
  patientMs,
);

/**
 * A map of 20,000 tasks; something breaks in its middle and is whole again after two seconds.
 *
 * @returns what was logged meanwhile
 */
async function mapAcross(
  stage: Stage,
  breakIt: (stage: Stage) => void,
): Promise<{ ofWorker: string; ofScheduler: string }> {
  const { scheduler, one, client, atWorker, atClient } = stage;
  const folder = await mkdtemp(path.join(stage.folder, "map-"));
  const logged = { ofWorker: one.stderr.length, ofScheduler: scheduler.stderr.length };
  await client.waitForWorkers(2, { timeoutMs: patientMs });

  // The worker behind the proxy has these to do while the network is away, and others before.
  const pinned = doubles(client.with({ workers: ["one"] }), folder, 19_900, 20_000);
  const futures = [...doubles(client, folder, 0, 19_900), ...pinned];
  const settled = () => futures.filter(({ done }) => done).length;
  const tasksAtOne = async () => (await client.workers()).find(({ name }) => name === "one")?.tasks;
  await expect.poll(tasksAtOne, { timeout: patientMs }).toBeGreaterThan(0);
  await expect.poll(settled, { timeout: patientMs, interval: 5 }).toBeGreaterThan(3_000);
  breakIt(stage);
  // Half of them wait for the gate: this is the middle.
  expect(settled()).toBeLessThanOrEqual(gateAt);
  expect(timesRun(folder).size).toBeLessThanOrEqual(gateAt);
  // The work goes on while the network is away.
  openGate(folder);
  const added = client.submit("add", 1, 10);
  await sleep(awayMs);
  for (const proxy of [atWorker, atClient]) proxy.heal();
  for (const program of [one, scheduler]) program.signal("SIGCONT");

  expect(await client.gather(futures)).toEqual(range(0, 20_000).map((index) => index * 2));
  expect(await added.result()).toBe(11);
  const times = timesRun(folder);
  expect(times.size).toBe(20_000);
  expect([...times].filter(([, count]) => count > 1)).toEqual([]);
  expect(ranOn(folder, one.pid).filter((index) => index >= 19_900)).toHaveLength(100);
  client.release([...futures, added]);
  return {
    ofWorker: one.stderr.slice(logged.ofWorker),
    ofScheduler: scheduler.stderr.slice(logged.ofScheduler),
  };
}

function doubles(submitter: Submitter<Tasks>, folder: string, from: number, to: number) {
  const indexes = range(from, to);
  const folders = indexes.map(() => folder);
  return submitter.map("double", folders, indexes);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
