// A process that a task started ends with the attempt, whatever ended that, unless the task detached it.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type * as Starters from "../../fixtures/starts-processes.ts";
import { gone, isAlive } from "../../processes.ts";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

const start = (options: ConstructorParameters<typeof CallsUnderTest>[0] = {}) =>
  CallsUnderTest.start({ modules: [{ path: fixture("starts-processes.ts") }], ...options });

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The id that a process has written down; 0 before it has. */
function idNow(folder: string, name: string): number {
  try {
    return Number(readFileSync(path.join(folder, name), "utf8"));
  } catch {
    return 0;
  }
}

/** Waits until the process has written it down. */
async function idIn(folder: string, name: string): Promise<number> {
  await expect.poll(() => idNow(folder, name), { timeout: 20_000 }).toBeGreaterThan(0);
  return idNow(folder, name);
}

type Name = keyof typeof Starters;
const ways: Name[] = ["spawned", "nested", "stubborn", "orphaned", "forked", "halfDetached"];

test.each(ways)("%s: ends with an attempt that returned, and the thread goes on", async (name) => {
  const worker = await start();
  const folder = newFolder();
  expect(await worker.call(name, folder, "return")).toBe("returned");
  await gone(await idIn(folder, name));
  expect(worker.logs).toEqual([]);
});

test.each(["throw", "exit", "crash"] as const)(
  "ends with an attempt that fails: %s",
  async (then) => {
    const worker = await start();
    for (const name of ["spawned", "nested", "orphaned"] as const) {
      const folder = newFolder();
      expect(await worker.endOf(worker.run(name, [[folder, then]])[0])).toMatchObject({
        type: "failed",
      });
      await gone(await idIn(folder, name));
    }
  },
);

test.each(ways)("%s: ends with an attempt that is cancelled or out of time", async (name) => {
  const worker = await start({ threads: 2, graceMs: 50 });
  const folder = newFolder();
  const [cancelled] = worker.run(name, [[folder, "await"]]);
  const id = await idIn(folder, name);
  worker.cancel([cancelled!]);
  expect(await worker.endOf(cancelled)).toEqual({ type: "stopped" });
  await gone(id);

  // On a busy machine a process may not have started in the first second.
  let lateId = 0;
  for (let timeoutMs = 1_000; lateId === 0 && timeoutMs < 10_000; timeoutMs *= 2) {
    const lateFolder = newFolder();
    const [late] = worker.run(name, [[lateFolder, "spin"]], { options: { timeoutMs } });
    expect(await worker.endOf(late)).toMatchObject({ failure: { code: "task-timeout" } });
    lateId = idNow(lateFolder, name);
  }
  expect(lateId).toBeGreaterThan(0);
  await gone(lateId);
});

test.each(["sync", "execFile"] as const)(
  "%s: one that blocks its thread ends with it, and frees it",
  async (name) => {
    const worker = await start({ graceMs: 50 });
    const folder = newFolder();
    const [key] = worker.run(name, [[folder]]);
    const id = await idIn(folder, name);
    const begun = performance.now();
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
    expect(performance.now() - begun).toBeLessThan(3_000);
    await gone(id);
  },
);

test("ends when the worker leaves in a hurry, before that is over", async () => {
  const worker = await start();
  const folder = newFolder();
  worker.run("stubborn", [[folder, "spin"]]);
  const id = await idIn(folder, "stubborn");
  await worker.calls.close();
  expect(isAlive(id)).toBe(false);
});

test("is left alone when the task detached it and let go of it", async () => {
  const worker = await start();
  const [folder, other] = [newFolder(), newFolder()];
  expect(await worker.call("detached", folder, "return")).toBe("returned");
  const [key] = worker.run("detached", [[other, "exit"]]);
  await worker.endOf(key);
  const ids = [await idIn(folder, "detached"), await idIn(other, "detached")];
  await worker.calls.close();
  expect(ids.map(isAlive)).toEqual([true, true]);
  for (const id of ids) process.kill(id, "SIGKILL");
});

test("is left alone while another attempt on the thread that started it goes on", async () => {
  const worker = await start({ concurrency: 2 });
  const [folder, other] = [newFolder(), newFolder()];
  const [key] = worker.run("tidy", [[folder]]);
  const id = await idIn(folder, "tidy");
  expect(await worker.call("spawned", other, "return")).toBe("returned");
  await gone(await idIn(other, "spawned"));
  expect(isAlive(id)).toBe(true);
  worker.cancel([key!]);
  await worker.endOf(key);
});

test("may be ended by the task itself, which has its grace for that", async () => {
  const worker = await start();
  const folder = newFolder();
  const [key] = worker.run("tidy", [[folder]], { options: { timeoutMs: 800 } });
  expect(await worker.endOf(key)).toMatchObject({ type: "finished", value: "it ended with 0" });
  expect(readFileSync(path.join(folder, "tidied"), "utf8")).toBe("done\n");
});

test("ends at once when its task was over already", async () => {
  const worker = await start();
  const folder = newFolder();
  expect(await worker.call("late", folder)).toBe("returned");
  await gone(await idIn(folder, "late"));
});

test("finds its mark in its environment, and the task does not", async () => {
  const worker = await start({ mark: "somebody" });
  expect(await worker.call("marks")).toEqual({
    own: undefined,
    child: expect.stringMatching(/^somebody\/0\/\d+$/),
  });
});
