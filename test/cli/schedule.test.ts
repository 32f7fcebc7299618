// `thence schedule` as real processes on a real scheduler: what is made is listed, runs, and is removed.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../../client/client.ts";
import { reap, root, thence, type End } from "../processes.ts";

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  file = path.join(folder, "s.json");
  const arithmetic = path.join(root, "test", "fixtures", "arithmetic.ts");
  await thence(["scheduler", "--port", "0", "--scheduler-file", file]).wrote(/listening on/);
  const how = ["--no-supervise", "--scheduler-file", file, "--threads", "1"];
  await thence(["worker", ...how, "--module", arithmetic]).wrote(/joined the scheduler/);
}, 60_000);
afterAll(async () => {
  await reap();
  await rm(folder, { recursive: true });
});

function ask(...args: readonly string[]): Promise<End> {
  return thence(["schedule", ...args], { env: { THENCE_SCHEDULER_FILE: file } }).ended;
}

test("what is added is listed, for people and for machines, until it is removed", async () => {
  expect(await ask("list")).toEqual({ how: 0, stdout: "nothing is scheduled\n", stderr: "" });
  const vienna = ["--timezone", "Europe/Vienna", "--catch-up", "all", "--overlap", "allow"];
  const added = await ask("add", "nightly", "--cron", "0 3 * * *", ...vienna, "add", "1", "10");
  expect(added).toMatchObject({ how: 0, stderr: "" });
  expect(added.stdout).toMatch(/^nightly: next at \d{4}-\d\d-\d\dT0[12]:00:00\.000Z\n$/);
  const beat = (...args: string[]) => ask("add", "beat", "--every", "10m", "add", ...args);
  expect((await beat("0", "0")).stdout).toMatch(/^beat: next at /);
  expect((await beat("1", "2")).stdout).toMatch(/^beat: replaced, next at /);
  expect((await beat("1", "2")).stdout).toMatch(/^beat: unchanged, next at /);

  const { stdout } = await ask("list");
  expect(stdout).toMatch(/^name +when +next +last +runs +skipped +function +by$/m);
  expect(stdout).toMatch(
    /^nightly +0 3 \* \* \* Europe\/Vienna +\S+Z +- +0 +0 +add +thence schedule$/m,
  );
  expect(stdout).toMatch(/^beat +every 10m +\S+Z +- +0 /m);
  expect(JSON.parse((await ask("list", "--json")).stdout)).toMatchObject([
    { name: "nightly", cron: "0 3 * * *", catchUp: "all", overlap: "allow" },
    { name: "beat", everyMs: 600_000, catchUp: "one", overlap: "skip" },
  ]);

  const removed = "removed nightly\nremoved beat\n";
  expect(await ask("remove", "nightly", "beat")).toEqual({ how: 0, stdout: removed, stderr: "" });
  expect((await ask("list")).stdout).toBe("nothing is scheduled\n");
});

test("its tasks run, and their results are kept as long as it says", async () => {
  await ask("add", "beat", "--every", "100ms", "--keep", "1d", "add", "1", "10");
  const client = await Client.connect(file);
  try {
    let lastKey: string | undefined;
    while (lastKey === undefined) lastKey = (await client.schedules())[0]!.lastKey;
    expect(await client.future(lastKey).result()).toBe(11);
  } finally {
    await client.close();
  }
  expect(await ask("remove", "beat")).toMatchObject({ how: 0 });
});

test.each<[how: number, args: string[], stderr: RegExp]>([
  [2, ["add", "a", "add"], /give --cron or --every/],
  [2, ["add", "a", "--cron", "@daily", "--every", "1h", "add"], /one of them/],
  [2, ["add", "a", "--every", "1h", "--timezone", "UTC", "add"], /--timezone needs --cron/],
  [2, ["add", "a", "--every", "soon", "add"], /soon/],
  [2, ["add", "a", "--every", "1h", "--overlap", "both", "add"], /skip, allow, replace/],
  [1, ["add", "a", "--every", "1ms", "add"], /everyMs must be 100/],
  [1, ["add", "a", "--cron", "61 * * * *", "add"], /another cron than "61 \* \* \* \*"/],
  [1, ["add", "a", "--cron", "0 0 31 2 *", "add"], /never comes/],
  [1, ["remove", "nothing", "neither"], /scheduled as "nothing"\nthence: .*scheduled as "neither"/],
])("fails with %i: %j", async (how, args, stderr) => {
  expect(await ask(...args)).toEqual({ how, stdout: "", stderr: expect.stringMatching(stderr) });
});

test("a function that no worker has is said, and scheduled all the same", async () => {
  const { how, stderr } = await ask("add", "a", "--every", "1h", "ad", "1");
  expect([how, stderr]).toEqual([
    0,
    expect.stringMatching(/^thence: no worker has a function "ad" now\. Did you mean "add"/),
  ]);
  await ask("remove", "a");
});
