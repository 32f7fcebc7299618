// The ends of things in a batch job, with real daemons in an environment as Slurm's: the time limit is near,
// workers cannot start, no worker is left.

import { copyFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Client, TimeLimitError, UnschedulableError } from "../../src/index.ts";
import { childrenOf, root, thence, type Program } from "../processes.ts";
import {
  addCleanUp,
  arithmetic,
  behaviours,
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  tasks,
  type Scheduler,
} from "./daemons.ts";

type Tasks = typeof import("./fixtures/tasks.ts") & typeof import("../fixtures/behaviours.ts");

afterEach(async () => {
  vi.unstubAllEnvs();
  await cleanUp();
}, patientMs);

const fixture = (name: string) => path.join(root, "test", "fixtures", "modules", name);

/** The environment of a job whose time is over in so many milliseconds. No command of Slurm is there. */
function jobOf(leftMs: number): Record<string, string> {
  const end = Math.ceil((Date.now() + leftMs) / 1_000);
  return {
    SLURM_JOB_ID: "12",
    SLURM_JOB_START_TIME: `${end - 60}`,
    SLURM_JOB_END_TIME: `${end}`,
    PATH: path.dirname(process.execPath),
  };
}

async function startDaemon(args: readonly string[], env: Record<string, string>): Promise<Program> {
  const program = thence(args, { env });
  await program.wrote(/connect a worker with|joined the scheduler/);
  return program;
}

/** A scheduler in the folder of another one, which has served its purpose. */
async function schedulerWith(env: Record<string, string>, ...more: string[]): Promise<Scheduler> {
  const { program, file, folder } = await startScheduler();
  await program.end("SIGTERM");
  const args = ["scheduler", "--port", "0", "--scheduler-file", file, ...more];
  const next = await startDaemon(args, env);
  const { urls, token } = JSON.parse(await readFile(file, "utf8"));
  return { program: next, url: urls[0], port: Number(new URL(urls[0]).port), token, file, folder };
}

const workerArgs = ({ file }: Scheduler, name: string, ...more: string[]) => [
  ...["worker", "--scheduler-file", file, "--name", name, "--threads", "2"],
  ...(more.includes("--module") ? more : ["--module", tasks, ...more]),
];

describe("the time limit of a job", () => {
  test(
    "lets the driver have every finished result in time, and the worker end in good order",
    async () => {
      // Time enough for everything to start on a busy machine.
      const job = jobOf(40_000);
      const scheduler = await schedulerWith(job, "--end-margin", "25s");
      const more = ["--module", tasks, "--module", behaviours, "--end-margin", "25s"];
      const worker = await startDaemon(workerArgs(scheduler, "w1", ...more), job);
      const client = await connect<Tasks>(scheduler);
      const futures = client.map("waitFor", Array<number>(200).fill(500));
      const large = client.with({ priority: 1 }).submit("bytes", 1_000_000);
      expect(client.signal.aborted).toBe(false);
      const results = await client.gather(futures, { errors: "skip" });
      const { reason } = client.signal as { reason: TimeLimitError };
      expect(reason).toBeInstanceOf(TimeLimitError);
      expect(reason.message).toContain("the time limit of 1 minute of Slurm job 12 is near");
      expect(reason.leftMs).toBeGreaterThan(10_000);
      expect(results.length).toBeGreaterThan(0);
      expect(results.length).toBe(futures.filter(({ status }) => status === "finished").length);
      expect(await futures.at(-1)!.exception()).toBeInstanceOf(TimeLimitError);
      expect(Date.now()).toBeLessThan(Number(job["SLURM_JOB_END_TIME"]) * 1_000 - 3_000);
      // Only the worker has it, which stays until nobody needs it any more.
      await expect.poll(() => worker.stderr).toContain("waiting until others have the result");
      expect(await large.result()).toHaveLength(1_000_000);
      large.release();
      const late = await connect<Tasks>(scheduler);
      await expect.poll(() => late.signal.aborted).toBe(true);
      await expect(late.submit("add", 1, 2).result()).rejects.toThrow(TimeLimitError);
      await late.close();
      expect((await worker.ended).how).toBe(0);
      expect(worker.stderr).toContain("the time limit of 1 minute of Slurm job 12 is near");
    },
    patientMs,
  );
});

test(
  "the time limit is heard by a program with a cluster of its own",
  async () => {
    for (const [name, value] of Object.entries(jobOf(15_000))) vi.stubEnv(name, value);
    const client = await Client.local<Tasks>({ modules: [tasks], threads: 1 });
    addCleanUp(() => client.close());
    const futures = client.map("waitFor", Array<number>(100).fill(500));
    const results = await client.gather(futures, { errors: "skip" });
    expect(client.signal.reason).toBeInstanceOf(TimeLimitError);
    expect(results.length).toBeLessThan(100);
    await client.close();
    expect(client.signal.reason).toBeInstanceOf(TimeLimitError);
  },
  patientMs,
);

describe("a scheduler without workers", () => {
  test(
    "fails what waits, with what each worker said that could not start",
    async () => {
      const scheduler = await schedulerWith({}, "--worker-timeout", "2s");
      const client = await connect<Tasks>(scheduler);
      const missing = thence(workerArgs(scheduler, "w1", "--module", "./taks.ts"));
      const throws = thence(workerArgs(scheduler, "w2", "--module", fixture("broken.ts")));
      const interfaceless = thence(workerArgs(scheduler, "w3", "--interface", "nope0"));
      const ends = await Promise.all([missing.ended, throws.ended, interfaceless.ended]);
      expect(ends.slice(0, 2).map(({ how }) => how)).toEqual([2, 2]);
      const error = (await client.submit("add", 1, 2).exception()) as UnschedulableError;
      expect(error).toBeInstanceOf(UnschedulableError);
      expect(error.message).toMatch(/^start workers: none was there for 2 s; /);
      expect(error.message).toMatch(/w1: .*taks\.ts/);
      expect(error.message).toMatch(/w2: .*broken\.ts/);
      expect(error.message).toMatch(/w3: .*nope0/);
      await expect(client.waitForWorkers(1, { timeoutMs: 100 })).rejects.toThrow(/w1: .*taks\.ts/);
      const status = thence(["status", "--scheduler-file", scheduler.file]);
      expect((await status.ended).stdout).toMatch(/gone {5}3 of the workers\n(.*\n)*.*w1, .*taks/);
      expect(scheduler.program.stderr).toMatch(/worker w1 could not start: .*taks\.ts/);
    },
    patientMs,
  );

  test(
    "has client.run say how a worker went that was to run the call",
    async () => {
      const scheduler = await startScheduler();
      const worker = await startWorker(scheduler, { name: "w1", modules: [tasks, behaviours] });
      const client = await connect<Tasks>(scheduler);
      const busy = client.submit("neverEnds");
      await expect.poll(async () => (await client.explain(busy)).why).toContain("executing");
      const running = client.run("add", 1, 2);
      await expect.poll(async () => (await client.info()).totals.submitted).toBe(2);
      await worker.end("SIGKILL");
      await expect(running).rejects.toThrow(
        /failed on 1 of 1 workers: w1: the worker is gone before it ran: its process \(\d+\) ended/,
      );
    },
    patientMs,
  );

  test(
    "hears at once of a worker that has died and cannot be started again",
    async () => {
      const scheduler = await startScheduler({ core: { graceMs: 600_000 } });
      const module = path.join(scheduler.folder, "once.ts");
      await copyFile(arithmetic, module);
      const keeper = await startWorker(scheduler, {
        name: "kept",
        modules: [module],
        isSupervised: true,
      });
      // The next one takes its time to load what it is to run.
      await writeFile(module, "await new Promise((resolve) => setTimeout(resolve, 100_000));");
      const client = await connect(scheduler);
      const [pid] = childrenOf(keeper.pid);
      process.kill(pid!, "SIGKILL");
      await expect.poll(async () => await client.workers(), { timeout: 8_000 }).toEqual([]);
      expect((await client.info()).departures).toMatchObject([
        { worker: "kept", how: expect.stringContaining("killed by SIGKILL") },
      ]);
    },
    patientMs,
  );
});
