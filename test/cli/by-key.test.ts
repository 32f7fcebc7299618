// The commands that are given the keys of tasks, as real processes: submit --detach, result, tasks, cancel
// and retry.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tasksText } from "../../cli/tasks.ts";
import { reap, root, thence, type End } from "../processes.ts";

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  file = path.join(folder, "s.json");
  thence(["scheduler", "--port", "0", "--scheduler-file", file]);
  const modules = ["behaviours", "arithmetic", "reads-files"].flatMap((name) => [
    "--module",
    path.join(root, "test", "fixtures", `${name}.ts`),
  ]);
  const where = ["--scheduler-file", file, "--name", "one", "--threads", "1"];
  await thence(["worker", "--no-supervise", ...where, ...modules]).wrote(/joined the scheduler/);
}, 60_000);
afterAll(async () => {
  await reap();
  await rm(folder, { recursive: true });
});

async function ask(...args: readonly string[]): Promise<End> {
  const end = await thence(args, { env: { THENCE_SCHEDULER_FILE: file } }).ended;
  // A loaded machine takes its time to connect, and then that is said.
  return { ...end, stderr: end.stderr.replace(/^thence: waiting for .*\n/m, "") };
}

const timeout = 120_000;

/** The key of a task that was sent off. */
async function detach(...args: readonly string[]): Promise<string> {
  const { how, stdout, stderr } = await ask("submit", "--detach", ...args);
  expect({ how, stderr }).toEqual({ how: 0, stderr: "" });
  expect(stdout).toMatch(/^\S+\n$/);
  return stdout.trim();
}

describe("submit --detach, and result", { timeout }, () => {
  test("the result is there for whoever has the key", async () => {
    const key = await detach("add", "1", "10");
    const stdout = "11\n";
    expect(await ask("result", key, "--wait")).toEqual({ how: 0, stdout, stderr: "" });
    expect(await ask("result", key)).toEqual({ how: 0, stdout, stderr: "" });
    expect((await ask("result", key, "--json")).stdout).toBe(stdout);
    const { wantedBy } = JSON.parse((await ask("explain", key, "--json")).stdout);
    expect(wantedBy).toEqual(["keepMs: for another 24 hours"]);
  });

  test("a task that has not settled is not waited for unless asked, nor for longer", async () => {
    const gate = path.join(folder, "gate");
    const key = await detach("--keep", "1h", "--key", "gated", "untilFile", gate);
    expect(key).toBe("gated");
    const why = /attempt 1 (is executing on|was sent to) worker one/;
    const now = await ask("result", key);
    expect([now.how, now.stdout]).toEqual([1, ""]);
    expect(now.stderr).toMatch(/^thence: no result yet: attempt 1/);
    const late = await ask("result", key, "--wait", "--timeout", "6s");
    expect([late.how, late.stderr]).toEqual([1, expect.stringMatching(why)]);
    expect(late.stderr).toContain("no result within 6s: ");
    await writeFile(gate, "");
    expect((await ask("result", key, "--wait")).stdout).toBe(`${JSON.stringify(gate)}\n`);
    expect(await detach("--key", "gated", "untilFile", gate)).toBe("gated");
    const other = await ask("submit", "--detach", "--key", "gated", "untilFile", "elsewhere");
    expect([other.how, other.stdout]).toEqual([1, ""]);
    expect(other.stderr).toContain('"gated" already names');
  });

  test("a task that failed is an error, with what it threw; so is a key that no task has", async () => {
    const key = await detach("fail", "oops");
    const { how, stdout, stderr } = await ask("result", "--wait", key);
    expect([how, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^thence: .*fail.*RangeError: oops\n +at /);
    const unknown = await ask("result", "no-such-key");
    expect([unknown.how, unknown.stdout]).toEqual([1, ""]);
    expect(unknown.stderr).toContain(
      'no task has the key "no-such-key": it was cancelled or released',
    );
  });

  test("a result is kept for so long after its command as --keep says, and not longer", async () => {
    const { stdout } = await ask("submit", "--keep", "700ms", "--key", "short", "add", "2", "2");
    expect(stdout).toBe("4\n");
    const isKept = async () => (await ask("result", "short")).stderr;
    await expect.poll(isKept, { timeout: 20_000 }).toContain("no task has the key");
  });

  test.each([
    [["submit", "--detach", "--json", "add"], "cannot be used with option '--detach'"],
    [["submit", "--keep", "0", "add"], "Expected 1ms to ten years"],
    [["submit", "--keep", "soon", "add"], "is not a duration"],
    [["result"], "missing required argument 'key'"],
    [["tasks", "--state", "over"], "Expected states of: waiting"],
    [["tasks", "--since", "yesterday"], "Expected how long ago"],
    [["tasks", "--since", "1h", "--after", "3"], "not both"],
    [["tasks", "--limit", "0"], "from 1 to 9999"],
  ])("refuses %j", async (args, words) => {
    const { how, stderr } = await ask(...args);
    expect([how, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});

describe("tasks, cancel and retry", { timeout }, () => {
  test("tasks are listed, a page at a time, and those that are asked for", async () => {
    const keys = ["list-a", "list-b", "list-c"];
    for (const key of keys) await detach("--key", key, "add", "1", "1");
    await detach("--key", "list-d", "fail", "oops");
    await ask("result", "list-d", "--wait");
    const list = async (...args: string[]) => {
      const { stdout, stderr } = await ask("tasks", "--json", ...args);
      return { tasks: JSON.parse(stdout) as { key: string; order: number }[], stderr };
    };
    const { tasks } = await list("--function", "add", "--since", "1h");
    const listed = tasks.filter(({ key }) => keys.includes(key));
    expect(listed).toMatchObject(keys.map((key) => ({ key, state: "finished", bytes: 1 })));
    const { order } = listed[0]!;
    const page = await list("--after", `${order}`, "--limit", "1");
    expect(page.tasks.map(({ key }) => key)).toEqual(["list-b"]);
    expect(page.stderr).toBe(
      `thence: there are more: see the next with --after ${page.tasks[0]!.order}\n`,
    );
    const failed = await ask("tasks", "--state", "failed,cancelled");
    expect(failed.stdout).toMatch(/^number +key +function +state +client +submitted +attempts\n/);
    expect(failed.stdout).toMatch(/list-d +fail +failed +thence submit .*RangeError: oops/);
    expect(failed.stdout).not.toContain("list-a");
    expect((await ask("tasks", "--client", "nobody")).stdout).toBe("no tasks\n");
  });

  test("what is cancelled ends for everybody, and what could not be is said", async () => {
    const key = await detach("neverEnds");
    const waiting = ask("result", key, "--wait");
    const done = await detach("add", "1", "1");
    const cancelled = await ask("cancel", key, "unknown", "--reason", "wrong input");
    expect([cancelled.how, cancelled.stdout]).toEqual([1, `cancelled ${key}\n`]);
    expect(cancelled.stderr).toMatch(
      /unknown: no task has the key .*\n.*not done for 1 of 2 tasks/,
    );
    const { how, stderr } = await waiting;
    expect([how, stderr]).toEqual([1, expect.stringContaining("wrong input")]);
    expect((await ask("result", key)).stderr).toContain("wrong input");
    expect((await ask("cancel", key)).how).toBe(0);
    const again = await ask("retry", key);
    expect([again.how, again.stderr]).toEqual([
      1,
      expect.stringContaining("it has not failed: it is cancelled; submit it again"),
    ]);
    await ask("result", done, "--wait");
    expect((await ask("cancel", done)).stderr).toContain("it has finished already");
  });

  test("what failed runs again, and what did not is said", async () => {
    const again = path.join(folder, "again");
    const key = await detach("read", again);
    await ask("result", key, "--wait");
    const failed = await ask("retry", key, "--wait");
    expect([failed.how, failed.stdout]).toEqual([1, `running ${key} again\n`]);
    expect(failed.stderr).toContain("it failed again");
    await writeFile(again, "there now");
    expect(await ask("retry", key, "--wait")).toMatchObject({ how: 0, stderr: "" });
    expect((await ask("result", key)).stdout).toBe('"there now"\n');
    const { how, stderr } = await ask("retry", key);
    expect([how, stderr]).toEqual([
      1,
      expect.stringContaining("it has not failed: it is finished"),
    ]);
  });
});

test("the table of tasks has a remark where there is something to say", () => {
  const task = { function: "f", client: "ann", submittedAt: 0, attempt: 1 };
  const text = tasksText(
    [
      { ...task, key: "a", order: 0, state: "running", worker: "w1", priority: 2 },
      { ...task, key: "b", order: 11, state: "finished", bytes: 2_048, keptUntil: 65_000 },
      { ...task, key: "c", order: 12, state: "ready", attempt: 0 },
    ],
    5_000,
  );
  expect(text.split("\n")).toEqual([
    "number  key  function  state     client  submitted  attempts",
    "     0  a    f         running   ann     5 s ago           1  on w1; priority 2",
    "    11  b    f         finished  ann     5 s ago           1  2 KiB; kept for another 1 minute",
    "    12  c    f         ready     ann     5 s ago           0",
  ]);
});
