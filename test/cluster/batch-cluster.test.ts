// A cluster on a batch system that does as it is told: its jobs wait for ever, or until they are cancelled.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { BatchCluster, type BatchClusterParts } from "../../cluster/batch-cluster.ts";
import { BatchSystemError, type BatchSystem } from "../../cluster/batch-system.ts";
import type { UntypedTasks } from "../../client/types.ts";
import { RestartedChild } from "../../cluster/restarted-child.ts";
import { mintToken } from "../../src/meeting/token.ts";

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function stage({ refuses = false, isStuck = false } = {}) {
  const queue = new Set<string>();
  let submitted = 0;
  const system: BatchSystem = {
    name: "Queue",
    submit: () => {
      if (refuses) return Promise.reject(new BatchSystemError("the queue is full"));
      const id = String(++submitted);
      queue.add(id);
      return Promise.resolve(id);
    },
    jobs: () =>
      Promise.resolve(
        new Map([...queue].map((id) => [id, { id, phase: "pending" as const, state: "PENDING" }])),
      ),
    describeEnd: () => Promise.resolve("CANCELLED"),
    cancel: (ids) => {
      if (isStuck) return Promise.reject(new BatchSystemError("no answer"));
      for (const id of ids) queue.delete(id);
      return Promise.resolve();
    },
  };
  const directory = await mkdtemp(path.join(tmpdir(), "thence-batch-"));
  const schedulerFile = path.join(directory, "scheduler.json");
  const token = mintToken();
  const scheduler = new RestartedChild(
    "scheduler",
    Promise.resolve({ role: "scheduler", logLevel: "error", token, port: 0, schedulerFile }),
  );
  const { url = "" } = await scheduler.ready;
  let filesAreRemoved = false;
  const parts: BatchClusterParts = {
    scheduler,
    url,
    token,
    schedulerFile,
    slots: 2,
    say: () => undefined,
    jobs: {
      system,
      script: "",
      workerNameOf: (id) => id,
      lastOutputOf: () => Promise.resolve(undefined),
      say: () => undefined,
    },
    removeFiles: async () => {
      filesAreRemoved = true;
      await rm(directory, { recursive: true, force: true });
    },
  };
  const { session, client } = await BatchCluster.connect<UntypedTasks>(parts);
  const cluster = new BatchCluster(parts, session, client);
  cleanUps.push(() => cluster.close().catch(() => undefined));
  return { cluster, client, queue, areFilesRemoved: () => filesAreRemoved };
}

test("scale submits what is missing and cancels what is too many", async () => {
  const { cluster, queue, areFilesRemoved } = await stage();
  await cluster.scale(3);
  expect(cluster.jobs.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  await cluster.scale(1);
  expect([...queue]).toEqual(["1"]);
  await expect(cluster.scale(-1)).rejects.toThrow(RangeError);
  await cluster.close();
  expect([...queue]).toEqual([]);
  expect(areFilesRemoved()).toBe(true);
  await expect(cluster.scale(1)).rejects.toThrow("the cluster is closed");
});

test("adapt follows the tasks that wait, up to the maximum, and cancels jobs that nobody needs", async () => {
  const { cluster, client, queue } = await stage();
  await cluster.adapt({ maximum: 4, idleMs: 500 });
  const few = client.map("f", [1, 2, 3]);
  await expect.poll(() => queue.size, { timeout: 5_000 }).toBe(2);
  const many = client.map("f", Array<number>(100).fill(0));
  await expect.poll(() => queue.size, { timeout: 5_000 }).toBe(4);
  client.cancel([...few, ...many]);
  await expect.poll(() => queue.size, { timeout: 10_000 }).toBe(0);
  await expect(cluster.adapt({ minimum: 2, maximum: 1 })).rejects.toThrow("minimum must be");
});

test("a client that shuts the scheduler down ends the cluster", async () => {
  const { cluster, client, queue, areFilesRemoved } = await stage();
  await cluster.scale(2);
  await client.shutdown();
  await cluster.ended;
  expect([...queue]).toEqual([]);
  expect(areFilesRemoved()).toBe(true);
});

test(
  "a refusal is thrown, and its words are in the error of what waits",
  { timeout: 60_000 },
  async () => {
    const { cluster, client } = await stage({ refuses: true });
    await expect(cluster.scale(1)).rejects.toThrow("the queue is full");
    const failure = await client.submit("f").exception();
    expect(failure?.message).toContain("the last, which was refused: the queue is full");
    expect(cluster.failure).toBeDefined();
  },
);

test(
  "jobs that cannot be cancelled are named by the error of close",
  { timeout: 90_000 },
  async () => {
    const { cluster, areFilesRemoved } = await stage({ isStuck: true });
    await cluster.scale(1);
    await expect(cluster.close()).rejects.toThrow("cancel these jobs by hand, 1: no answer");
    expect(areFilesRemoved()).toBe(true);
  },
);
