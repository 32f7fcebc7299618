// What the modules of a worker are on is away for a while: a worker that loses its thread or its process
// meanwhile tries again until they are there, and says so.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { addCleanUp, cleanUp, patientMs } from "./daemons.ts";
import { kinds, startCluster } from "./kinds.ts";

afterEach(cleanUp, patientMs);

type Tasks = { add(x: number, y: number): number; exit(): void };
const code = `
  export const add = (x, y) => x + y;
  export const exit = () => process.exit(3);
`;

/** As good as an outage: it notes who has tried to load it. */
const away = (tries: string) => `
  import { appendFileSync } from "node:fs";
  appendFileSync(${JSON.stringify(tries)}, process.pid + " " + process.ppid + "\\n");
  throw new Error("stale file handle");
`;

test.each(kinds)(
  "a cluster of %s outlives an outage of its modules, though a thread and a worker are lost in it",
  async (kind) => {
    const folder = await mkdtemp(path.join(tmpdir(), "thence-outage-"));
    addCleanUp(() => rm(folder, { recursive: true, force: true }));
    const module = path.join(folder, "tasks.mjs");
    await writeFile(module, code);
    const client = await startCluster<Tasks>(kind, { modules: [module], workers: 2 });
    const [one, two] = await client.workers();
    const tries = path.join(folder, "tries");
    await writeFile(module, away(tries));
    client.with({ maxWorkerLosses: 1, workers: [one!.name] }).submit("exit");
    const why = async () => (await client.workers()).find(({ pid }) => pid === one!.pid)?.why;
    await expect.poll(why, { timeout: patientMs }).toContain("it has no threads");
    const waiting = client.with({ workers: [one!.name] }).submit("add", 1, 10);
    expect((await client.explain(waiting)).why).toContain(`${one!.name}: it has no threads`);
    process.kill(two!.pid, "SIGKILL");
    const triesOf = async () => {
      const all = (await readFile(tries, "utf8")).trim().split("\n");
      // A thread has its worker's id, and a process of its own has it for a parent.
      const isOfOne = (line: string) => line.split(" ").includes(String(one!.pid));
      const restarts = new Set(all.filter((line) => !isOfOne(line))).size;
      return { threads: all.filter(isOfOne).length, restarts };
    };
    const twice = ({ threads, restarts }: { threads: number; restarts: number }) =>
      threads >= 2 && restarts >= 2;
    await expect.poll(async () => twice(await triesOf()), { timeout: patientMs }).toBe(true);
    expect(waiting.done).toBe(false);

    await writeFile(module, code);
    expect(await waiting.result()).toBe(11);
    await client.waitForWorkers(2, { timeoutMs: patientMs });
    for (const { name } of [one!, two!]) {
      expect(
        await client
          .with({ workers: [name] })
          .submit("add", 2, 20)
          .result(),
      ).toBe(22);
    }
    expect((await client.workers()).find(({ name }) => name === one!.name)!.pid).toBe(one!.pid);
  },
  patientMs,
);
