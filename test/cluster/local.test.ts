// A cluster on this machine: it starts or says why not, and no process outlives the program.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Client } from "../../cluster/client.ts";
import { childFlags } from "../../src/child-flags.ts";
import { startLocalCluster } from "../../cluster/local.ts";
import { WorkerLostError } from "../../src/errors/errors.ts";
import { childrenOf, gone, node, reap, root } from "../processes.ts";

const fixture = (file: string) => path.join(root, "test", "fixtures", file);
const arithmetic = fixture("arithmetic.ts");
const behaviours = fixture("behaviours.ts");

afterEach(async () => {
  vi.unstubAllEnvs();
  await reap();
});

describe("Client.local", () => {
  test("runs tasks on as many workers and threads as asked for, and leaves no process", async () => {
    const client = await Client.local<typeof import("../fixtures/arithmetic.ts")>({
      modules: [arithmetic],
      workers: 2,
      threads: 1,
      concurrency: 3,
    });
    const workers = await client.workers();
    const processes = [...workers.map(({ pid }) => pid), ...childrenOf(process.pid)];
    try {
      expect(workers.map(({ name }) => name).sort()).toEqual(["local-0", "local-1"]);
      expect(workers).toMatchObject([{ threads: 1, slots: 3 }, { slots: 3 }]);
      const sums = client.map("add", [1, 2, 3, 4, 5], [10, 11, 12, 13, 14]);
      expect(await client.gather(sums)).toEqual([11, 13, 15, 17, 19]);
    } finally {
      await client.close();
    }
    expect(processes.length).toBeGreaterThanOrEqual(3);
    await Promise.all(processes.map(gone));
  });

  test("takes modules by path from the working directory, by file URL, and with a name", async () => {
    const client = await Client.local({
      modules: [
        path.relative(process.cwd(), arithmetic),
        `maths=${pathToFileURL(arithmetic).href}`,
        pathToFileURL(behaviours),
      ],
      threads: 1,
    });
    try {
      expect(await client.submit("add", 1, 10).result()).toBe(11);
      expect(await client.submit("maths.sub", 1, 10).result()).toBe(-9);
    } finally {
      await client.close();
    }
  });

  test("takes the cores, the memory and the GPUs that Slurm gives to the job", async () => {
    vi.stubEnv("SLURM_JOB_ID", "7");
    vi.stubEnv("SLURM_CPUS_PER_TASK", "3");
    vi.stubEnv("SLURM_MEM_PER_NODE", "10");
    vi.stubEnv("CUDA_VISIBLE_DEVICES", "0,1");
    const client = await Client.local<typeof import("../processes/fixtures/large.ts")>({
      modules: [path.join(root, "test", "processes", "fixtures", "large.ts")],
    });
    const folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
    try {
      expect(await client.workers()).toMatchObject([
        { threads: 3, resources: { gpu: { total: 2 } } },
      ]);
      // 8 MB are more than 60 % of 10 MiB.
      const values = client.submit("ramp", folder, 1_000_000, 1);
      const total = client.submit("total", values);
      await expect(total.result()).rejects.toThrow(/raise --memory-limit/);
    } finally {
      await client.close();
      await rm(folder, { recursive: true });
    }
  });

  test("refuses an isolation that is not there", async () => {
    const isolation = "containers" as "processes";
    await expect(Client.local({ modules: [arithmetic], isolation })).rejects.toThrow(
      'isolation is "threads" or "processes", not "containers"',
    );
  });

  test("starts a worker anew that died, and fails the task that kills it again and again", async () => {
    const client = await Client.local({ modules: [behaviours, arithmetic], threads: 1 });
    try {
      const [first] = await client.workers();
      process.kill(first!.pid, "SIGKILL");
      expect(await client.submit("add", 1, 10).result()).toBe(11);
      const [second] = await client.workers();
      expect(second!.name).toBe(first!.name);
      expect(second!.pid).not.toBe(first!.pid);
      const killer = client.with({ maxWorkerLosses: 2 }).submit("killWorker");
      const error = await killer.exception();
      expect(error).toBeInstanceOf(WorkerLostError);
      // Its successor has told how it died.
      expect(error!.message.match(/local-0 \(killed by SIGKILL \(by a person, or/g)).toHaveLength(
        2,
      );
      expect(await client.submit("add", 1, 10).result()).toBe(11);
    } finally {
      await client.close();
    }
  });

  test("closes in bounded time although a task never ends", async () => {
    const client = await Client.local({ modules: [behaviours], threads: 1 });
    const future = client.submit("spin");
    await expect.poll(async () => (await client.info()).tasks.running).toBe(1);
    const startedAt = performance.now();
    await client.close();
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(future.status).toBe("cancelled");
  });

  test.each([
    ["is not there", "absent.ts", "there is no such file"],
    ["does not compile", "modules/broken.ts", "does not load"],
    ["ends the thread that loads it", "modules/exits.ts", ""],
  ])("fails with the file and the cause when a module %s", async (_, module, why) => {
    const before = childrenOf(process.pid);
    const starting = Client.local({ modules: [arithmetic, fixture(module)], workers: 2 });
    const error = await starting.then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error?.message).toContain(why);
    if (why !== "") expect(error?.message).toContain(fixture(module));
    expect(childrenOf(process.pid)).toEqual(before);
  });
});

test("a cluster of nothing, and of something misspelt, is refused", async () => {
  await expect(Client.local({} as never)).rejects.toThrow('{ modules: ["./tasks.ts"] }');
  await expect(Client.local({ modules: "./tasks.ts" } as never)).rejects.toThrow(
    "give the modules",
  );
  await expect(Client.local({ modules: [7] } as never)).rejects.toThrow("a path or a file URL");
  const misspelt = { modules: [arithmetic], thread: 1 } as never;
  await expect(Client.local(misspelt)).rejects.toThrow('Did you mean "threads"');
  await expect(Client.local({ modules: [] })).rejects.toThrow(
    /give the modules with your functions: .*, or, to run commands only, .*exec: "only"/,
  );
  await expect(Client.local({ modules: [arithmetic], workerTimeoutMs: 0 })).rejects.toThrow(
    "workerTimeoutMs must be a number of milliseconds above 0, not 0",
  );
  await expect(Client.local({ modules: [arithmetic], workers: 0 })).rejects.toThrow(
    "workers must be a whole number from 1 on, not 0",
  );
});

test.each<NodeJS.Signals>(["SIGKILL", "SIGTERM"])(
  "a cluster ends with its program when that is ended by %s",
  async (signal) => {
    const program = node([path.join(import.meta.dirname, "runs-locally.ts")]);
    const [text] = await program.wrote(/\[[\d,]+\]/);
    const processes = JSON.parse(text) as number[];
    expect(processes).toHaveLength(3);
    const { how, stderr } = await program.end(signal);
    expect(how).toBe(signal);
    await Promise.all(processes.map(gone));
    // A requested end logs nothing.
    expect(stderr).toBe("");
  },
);

test("a worker that dies takes nothing with it, and the cluster still ends", async () => {
  const cluster = await startLocalCluster({ modules: [arithmetic], workers: 2, threads: 1 });
  const [first] = childrenOf(process.pid);
  expect(first).toBeDefined();
  process.kill(first!, "SIGKILL");
  await cluster.stop();
  expect(childrenOf(process.pid)).toEqual([]);
});

test("processes inherit loaders and limits, and not what their parent was told to run", () => {
  const kept = [
    "--import",
    "tsx",
    "--max-old-space-size=512",
    "-r",
    "./hook.js",
    "--conditions=dev",
  ];
  const always = childFlags([]);
  expect(childFlags(kept)).toEqual([...kept, ...always]);
  expect(
    childFlags([
      "--inspect-brk=0",
      "--input-type=module",
      "-e",
      "main()",
      "--test",
      "--watch",
      ...always,
    ]),
  ).toEqual(always);
});
