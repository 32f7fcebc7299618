// `--isolation processes`: what tasks may do there that threads cannot, and that it harms nobody.

import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Client, WorkerLostError, type Future } from "../../src/index.ts";
import { childrenOf, gone, type Program } from "../processes.ts";
import { addCleanUp, cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("./fixtures/isolation-tasks.ts");
const modules = [path.join(import.meta.dirname, "fixtures", "isolation-tasks.ts")];

afterEach(cleanUp, patientMs);

type Stage = { client: Client<Tasks>; workerPid: number };

const kinds: Record<string, (threads: number) => Promise<Stage & { program?: Program }>> = {
  daemons: async (threads) => {
    const scheduler = await startScheduler();
    const more = ["--isolation", "processes"];
    const program = await startWorker(scheduler, { name: "one", modules, threads, more });
    return { client: await connect<Tasks>(scheduler), workerPid: program.pid, program };
  },
  "Client.local": async (threads) => {
    const client = await Client.local<Tasks>({ modules, threads, isolation: "processes" });
    addCleanUp(() => client.close());
    return { client, workerPid: (await client.workers())[0]!.pid };
  },
};

describe.each(Object.entries(kinds))("%s", (_, stage) => {
  test(
    "a task may change its directory: each executor is a process with a directory of its own",
    async () => {
      const { client, workerPid } = await stage(2);
      const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "thence-test-")));
      addCleanUp(async () => rmSync(folder, { recursive: true }));
      // It stays there until the other runs, too, in a process that a busy machine takes long to start.
      const there = client.submit("goTo", folder, 1_500);
      const here = client.submit("whereAmI", 300);
      const [moved, stayed] = await client.gather([there, here]);
      expect(moved.cwd).toBe(folder);
      expect(stayed).toMatchObject({ cwd: process.cwd(), main: true });
      expect(new Set([moved.pid, stayed.pid, workerPid]).size).toBe(3);
    },
    patientMs,
  );

  test(
    "a crash takes nobody along, and the error says how each process ended",
    async () => {
      const { client, workerPid } = await stage(2);
      const numbers = Array.from({ length: 300 }, (_, index) => index);
      const before = client.map("add", numbers, numbers);
      const deaths = {
        SIGSEGV: client.submit("crash", "SIGSEGV"),
        SIGKILL: client.submit("crash", "SIGKILL"),
        SIGABRT: client.submit("abort"),
      };
      const after = client.map("add", numbers, numbers);
      for (const [signal, future] of Object.entries<Future<never>>(deaths)) {
        const error = await future.exception();
        expect(error).toBeInstanceOf(WorkerLostError);
        expect((error as Error).message).toContain(`its process was killed by ${signal}`);
      }
      for (const each of [...before, ...after]) {
        expect((await client.explain(each)).losses).toEqual([]);
      }
      expect(await client.gather(before)).toEqual(numbers.map((number) => 2 * number));
      expect(await client.gather(after)).toEqual(numbers.map((number) => 2 * number));
      expect(await client.workers()).toMatchObject([{ pid: workerPid }]);
    },
    patientMs,
  );

  test(
    "of many short calls in one process only the one that crashed is blamed",
    async () => {
      const { client } = await stage(1);
      const values = Array.from({ length: 600 }, (_, index) => index);
      await client.gather(client.map("crashIf", [...values].fill(0).map(Boolean), values));
      const guilty = 300;
      const whether = values.map((index) => index === guilty);
      const futures = client.map("crashIf", whether, values);
      for (const [index, future] of futures.entries()) {
        if (index === guilty) await expect(future.result()).rejects.toThrow(WorkerLostError);
        else expect(await future.result()).toBe(index);
      }
      const innocent = await Promise.all(
        futures.filter((_, index) => index !== guilty).map((future) => client.explain(future)),
      );
      expect(innocent.flatMap(({ losses }) => losses)).toEqual([]);
    },
    patientMs,
  );

  test(
    "signals that a terminal or a batch system sends to everybody are left to the worker",
    async () => {
      const { client, program } = await stage(1);
      const { pid } = await client.submit("whereAmI").result();
      expect(await client.submit("surviveSignals").result()).toBe(pid);
      expect(program?.stderr ?? "").not.toContain("Debugger");
    },
    patientMs,
  );

  test(
    "neither a process nor what its task started outlives a cancelled task, or a killed worker",
    async () => {
      const { client, workerPid } = await stage(1);
      const first = await spinning(client);
      first.future.cancel();
      await Promise.all(first.pids.map(gone));

      const second = await spinning(client);
      expect(childrenOf(workerPid)).toContain(second.pids[0]);
      process.kill(workerPid, "SIGKILL");
      await Promise.all([workerPid, ...second.pids].map(gone));
    },
    patientMs,
  );
});

test(
  "no process outlives a worker that is asked to leave, nor a client that closes while a task spins",
  async () => {
    const daemons = await kinds.daemons!(2);
    const here = childrenOf(daemons.workerPid);
    expect(here).toHaveLength(2);
    expect(await daemons.program!.end("SIGTERM")).toMatchObject({ how: 0 });
    await Promise.all(here.map(gone));

    const local = await kinds["Client.local"]!(1);
    const { pids } = await spinning(local.client);
    await local.client.close();
    await Promise.all(pids.map(gone));
  },
  patientMs,
);

/** A task that spins, and the processes that it is. */
async function spinning(client: Client<Tasks>): Promise<{ future: Future<never>; pids: number[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-test-"));
  addCleanUp(async () => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "pids");
  const future = client.submit("spinWithChild", file);
  await expect.poll(() => existsSync(file), { timeout: patientMs, interval: 10 }).toBe(true);
  return { future, pids: JSON.parse(readFileSync(file, "utf8")) as number[] };
}
