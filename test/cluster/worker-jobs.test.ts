// Stories of the worker jobs of a cluster, with a batch system whose jobs do as they are told.

import { expect, test } from "vitest";
import { BatchSystemError, type BatchSystem, type JobStatus } from "../../cluster/batch-system.ts";
import { WorkerJobs } from "../../cluster/worker-jobs.ts";
import type { WorkerInfo } from "../../src/wire/facts.ts";

function stage() {
  const known = new Map<string, JobStatus>();
  const lines: string[] = [];
  const clock = { now: 0 };
  let refusal: string | undefined;
  const system: BatchSystem = {
    name: "Slurm",
    submit: () => {
      if (refusal !== undefined) return Promise.reject(new BatchSystemError(refusal));
      const id = String(known.size + 1);
      known.set(id, { id, phase: "pending", state: "PENDING", reason: "Priority" });
      return Promise.resolve(id);
    },
    jobs: () => Promise.resolve(known),
    describeEnd: (id) => Promise.resolve(known.get(id)?.state ?? "over"),
    cancel: (ids) => {
      for (const id of ids) known.set(id, { id, phase: "ended", state: "CANCELLED" });
      return Promise.resolve();
    },
  };
  const jobs = new WorkerJobs({
    system,
    script: "",
    workerNameOf: (id) => `w${id}`,
    lastOutputOf: (id) => Promise.resolve(`output of ${id}`),
    say: (line) => lines.push(line),
    now: () => clock.now,
  });
  return {
    jobs,
    lines,
    clock,
    refuse: (words: string | undefined) => (refusal = words),
    set: (id: string, phase: JobStatus["phase"], state: string, reason?: string) => {
      known.set(id, { id, phase, state, ...(reason !== undefined && { reason }) });
      return jobs.refresh({ atOnce: true });
    },
  };
}

const worker = (id: string, more: Partial<WorkerInfo> = {}): WorkerInfo => ({
  id,
  name: `w${id}`,
  host: "n1",
  pid: 1,
  threads: 1,
  slots: 1,
  tasks: 0,
  finished: 0,
  resources: {},
  tags: [],
  functions: [],
  status: "up",
  held: { results: 0, bytes: 0 },
  joinedAt: 0,
  ...more,
});
const busy = (id: string): WorkerInfo => worker(id, { tasks: 1 });
const holding = (id: string): WorkerInfo => worker(id, { held: { results: 1, bytes: 9 } });

test("a job that ends counts no more, and after three failures in a row none is submitted", async () => {
  const { jobs, set, lines } = stage();
  await jobs.grow(1);
  await set("1", "ended", "FAILED");
  await jobs.grow(1);
  await set("2", "ended", "TIMEOUT");
  expect(jobs.failure).toBeUndefined();
  await jobs.grow(1);
  await set("3", "ended", "FAILED");
  expect(jobs.failure?.message).toBe(
    "3 worker jobs in a row ended before their worker joined, so no more are submitted; " +
      "the last, job 3: FAILED; its output ends with: output of 3",
  );
  await jobs.grow(1);
  expect(jobs.all).toEqual([]);
  expect(lines).toContain("job 2 has ended: TIMEOUT");
  jobs.tryAgain();
  await jobs.grow(1);
  expect(jobs.staying).toBe(1);
});

test("a worker that joins ends the row of failures, and so does not fail at its time limit", async () => {
  const { jobs, set } = stage();
  for (const id of ["1", "2"]) {
    await jobs.grow(1);
    await set(id, "ended", "FAILED");
  }
  await jobs.grow(1);
  jobs.observe([worker("3")]);
  await set("3", "ended", "TIMEOUT");
  await jobs.grow(1);
  await set("4", "ended", "FAILED");
  expect(jobs.failure).toBeUndefined();
});

test("a job that is refused is an error with the words, and counts as a failure", async () => {
  const { jobs, refuse, clock } = stage();
  refuse("sbatch: error: no");
  await expect(jobs.grow(1)).rejects.toThrow("sbatch: error: no");
  await jobs.grow(1);
  clock.now += 5_000;
  await expect(jobs.grow(1)).rejects.toThrow("sbatch: error: no");
  clock.now += 5_000;
  await expect(jobs.grow(1)).rejects.toThrow("sbatch: error: no");
  expect(jobs.failure?.message).toContain("the last, which was refused: sbatch: error: no");
});

test("too many: those in the queue go first, then those with the least to do", async () => {
  const { jobs } = stage();
  await jobs.grow(4);
  jobs.observe([busy("1"), holding("2"), worker("3")]);
  expect(await jobs.shrink(3)).toEqual(["w3", "w2"]);
  await jobs.refresh({ atOnce: true });
  expect(jobs.all.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  expect(jobs.staying).toBe(1);
});

test("with a time to be idle the busy stay, and the last one that holds results", async () => {
  const { jobs, clock } = stage();
  await jobs.grow(3);
  jobs.observe([busy("1"), holding("2"), worker("3")]);
  clock.now += 59_999;
  expect(await jobs.shrink(3, 60_000)).toEqual([]);
  clock.now += 1;
  expect(await jobs.shrink(3, 60_000)).toEqual(["w3", "w2"]);
  jobs.observe([holding("1")]);
  expect(await jobs.shrink(1, 0)).toEqual([]);
});

test("a worker that leaves by itself counts no more, so that its job is replaced early", async () => {
  const { jobs } = stage();
  await jobs.grow(1);
  jobs.observe([worker("1", { status: "leaving" })]);
  expect(jobs.staying).toBe(0);
});

test("an unusual reason to wait is said once", async () => {
  const { jobs, set, lines } = stage();
  await jobs.grow(1);
  await set("1", "pending", "PENDING", "PartitionTimeLimit");
  await set("1", "pending", "PENDING", "PartitionTimeLimit");
  expect(lines).toEqual(["job 1 is submitted", "job 1 waits: PartitionTimeLimit"]);
});

test("the batch system is not asked twice within five seconds", async () => {
  const { jobs, clock } = stage();
  await jobs.grow(1);
  await jobs.refresh();
  await jobs.shrink(1);
  clock.now += 4_999;
  await jobs.refresh();
  expect(jobs.all).toHaveLength(1);
  clock.now += 1;
  await jobs.refresh();
  expect(jobs.all).toHaveLength(0);
});
