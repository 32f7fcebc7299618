// Threads that do not answer: what waits there runs elsewhere, and the thread is replaced.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tested } from "../../isolation.ts";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

const modules = [{ path: fixture("wedges.ts") }];
const patientMs = 30_000;

async function fifo(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "thence-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "fifo");
  execFileSync("mkfifo", [path]);
  return path;
}

test(
  "code that a finished task left behind, and that never returns, does not keep what comes next",
  async () => {
    const worker = await CallsUnderTest.start({ modules });
    const held = await worker.call("spinAfterwards", 1e9);
    const [waiting] = worker.run("thread", [[]], { options: { timeoutMs: 60_000 } });
    expect(await worker.endOf(waiting)).toMatchObject({ type: "finished" });
    expect(await worker.call("thread")).not.toBe(held);
    expect(worker.logs.map(({ text }) => text).join()).toContain("a thread begins no task");
    // Without blame, and as the first attempt.
    expect(worker.started).toEqual([]);
  },
  patientMs,
);

test(
  "what waits on a thread that is held up is given to others long before that is replaced",
  async () => {
    const worker = await CallsUnderTest.start({ modules, threads: 2 });
    await worker.call("spinAfterwards", 1e9);
    const begun = performance.now();
    await worker.valuesOf(worker.run("pause", [[1], [1], [1], [1]]));
    expect(performance.now() - begun).toBeLessThan(4_000);
  },
  patientMs,
);

test(
  "a thread that answers again keeps its place",
  async () => {
    const worker = await CallsUnderTest.start({ modules });
    const held = await worker.call("spinAfterwards", 2_500);
    expect(await worker.call("thread")).toBe(held);
    expect(worker.logs).toEqual([]);
  },
  patientMs,
);

test(
  "a task may hold its thread up while it runs, and those that wait run elsewhere",
  async () => {
    const worker = await CallsUnderTest.start({ modules, threads: 2, concurrency: 2 });
    const busy = worker.run("pauseAndSpin", [
      [30, 7_000],
      [30, 100],
      [30, 100],
    ]);
    await worker.until(() => worker.started.length > 0);
    const begun = performance.now();
    await worker.valuesOf(
      worker.run(
        "pause",
        Array.from({ length: 6 }, () => [5]),
      ),
    );
    expect(performance.now() - begun).toBeLessThan(4_000);
    await worker.valuesOf(busy);
    expect(worker.logs).toEqual([]);
  },
  patientMs,
);

test(
  "an exit listener that never returns does not keep the thread, and its task is blamed",
  async () => {
    const worker = await CallsUnderTest.start({ modules });
    const [guilty] = worker.run("exitForEver", [[]]);
    expect(await worker.endOf(guilty)).toMatchObject({
      type: "failed",
      failure: { code: "thread-lost" },
    });
    expect(await worker.call("pause", 1)).toBe(1);
  },
  patientMs,
);

test("a command that a task waits for ends with it", async () => {
  const worker = await CallsUnderTest.start({ modules, graceMs: 100 });
  for (const command of ["sleep 40", "trap '' TERM; sleep 40; sleep 40", "(sleep 40)"]) {
    const [key] = worker.run("shell", [[command]]);
    await worker.until(() => worker.started.includes(key!));
    const begun = performance.now();
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
    expect(performance.now() - begun, command).toBeLessThan(2_500);
  }
  const [late] = worker.run("shell", [["sleep 40"]], { options: { timeoutMs: 100 } });
  expect(await worker.endOf(late)).toMatchObject({ failure: { code: "task-timeout" } });
  expect(worker.stuck).toEqual([]);
});

test.skipIf(tested.isolation === "processes")(
  "a task inside a system call that does not end is over all the same, and the process has to be replaced",
  async () => {
    const path = await fifo();
    const worker = await CallsUnderTest.start({ modules, threads: 2, graceMs: 100 });
    const [other] = worker.run("pause", [[6_000]]);
    const [late] = worker.run("readFifo", [[path]], { options: { timeoutMs: 100 } });
    expect(await worker.endOf(late)).toMatchObject({ failure: { code: "task-timeout" } });
    expect(worker.stuck.map(({ message }) => message)).toEqual([
      expect.stringContaining("inside a system call"),
    ]);
    // Nobody else is stopped here.
    expect(worker.ends.has(other!)).toBe(false);
    execFileSync("sh", ["-c", 'echo x > "$0"', path]);
    expect(await worker.endOf(other)).toMatchObject({ type: "finished" });
  },
  patientMs,
);

test(
  "a thread that never has its modules does not leave a gap for ever",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "thence-test-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const flag = join(folder, "away");
    const module = join(folder, "tasks.mjs");
    await writeFile(
      module,
      `import { existsSync } from "node:fs";
      if (existsSync(${JSON.stringify(flag)})) await new Promise((resolve) => setTimeout(resolve, 1e9));
      export const exit = () => process.exit(3);
      export const one = () => 1;`,
    );
    const worker = await CallsUnderTest.start({ modules: [{ path: module }], loadingMs: 200 });
    await writeFile(flag, "");
    await worker.endOf(worker.run("exit", [[]])[0]);
    const [waiting] = worker.run("one", [[]]);
    expect(await worker.endOf(waiting)).toEqual({ type: "withdrawn" });
    expect(worker.outages).toEqual([expect.stringContaining("not loaded within")]);
    await rm(flag);
    await worker.until(() => worker.outages.length === 2);
    expect(await worker.call("one")).toBe(1);
  },
  patientMs,
);
