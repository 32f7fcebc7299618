// `thence doctor`: the machine, the scheduler file, the scheduler by each of its URLs, and the workers.

import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Finding } from "../../cluster/doctor/findings.ts";
import { version } from "../../src/version.ts";
import { reap, root, thence, type End, type Program } from "../processes.ts";

let folder: string;
let file: string;
let url: string;
let scheduler: Program;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  file = path.join(folder, "s.json");
  scheduler = thence(["scheduler", "--port", "0", "--scheduler-file", file]);
  await scheduler.wrote(/connect a worker with/);
  url = JSON.parse(await readFile(file, "utf8")).urls[0];
}, 60_000);
afterAll(async () => {
  await reap();
  await rm(folder, { recursive: true });
});

function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<End> {
  return thence(["doctor", "--timeout", "1s", ...args], { env }).ended;
}

async function findings(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finding[]> {
  return JSON.parse((await doctor(["--json", ...args], env)).stdout);
}

/** The scheduler file with other content, as another one. */
async function fileWith(other: object): Promise<string> {
  const copy = path.join(folder, "other.json");
  const content = JSON.parse(await readFile(file, "utf8"));
  await writeFile(copy, JSON.stringify({ ...content, ...other }), { mode: 0o600 });
  return copy;
}

test("says that all is well, under headings", async () => {
  const worker = thence([
    ...["worker", "--threads", "1", "--scheduler-file", file, "--name", "one"],
    ...["--module", path.join(root, "test", "fixtures", "arithmetic.ts")],
  ]);
  await worker.wrote(/joined the scheduler/);
  const { how, stdout } = await doctor(["--scheduler-file", file]);
  await worker.end();
  expect(how, stdout).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.filter((line) => !line.startsWith(" "))).toEqual([
    "this machine",
    "scheduler file",
    "scheduler",
    "workers",
    "",
    "all is well",
  ]);
  expect(stdout).toMatch(/ok {4}network interfaces: .*lo 127\.0\.0\.1/);
  expect(stdout).toContain(`ok    ${url} answered within `);
  expect(stdout).toMatch(/ok {4}its clock is \d+ ms (ahead|behind)/);
  expect(stdout).toContain("ok    1 of 1 can be reached from here");
  expect(stdout).toContain(`ok    all run thence ${version}, as here`);
}, 60_000);

test("tells why there is no worker, when the scheduler knows", async () => {
  const lonely = path.join(folder, "lonely.json");
  const where = ["--scheduler-file", lonely];
  await thence(["scheduler", "--port", "0", ...where]).wrote(/connect a worker with/);
  const ofWorkers = async () =>
    (await findings(where)).filter(({ about }) => about === "workers").map(({ text }) => text);
  expect(await ofWorkers()).toEqual(["no worker has joined"]);

  const start = (name: string, module: string) =>
    thence(["worker", "--threads", "1", ...where, "--name", name, "--module", module]);
  const one = start("one", path.join(root, "test", "fixtures", "arithmetic.ts"));
  await one.wrote(/joined the scheduler/);
  await one.end();
  await start("two", "./nowhere.ts").ended;
  expect(await ofWorkers()).toEqual([
    "no worker is here",
    expect.stringMatching(/^two, gone .+ ago: .*nowhere\.ts does not load/),
    expect.stringMatching(/^one, gone .+ ago: it left/),
  ]);
}, 60_000);

test("without a scheduler it looks at the machine, and says what else it could", async () => {
  const { how, stdout } = await doctor([]);
  expect(how).toBe(0);
  expect(stdout).toContain("warn  no scheduler is named");
  expect(stdout).toMatch(/^no check failed; \d+ warnings?$/m);
});

test("tells what Slurm told", async () => {
  const env = {
    SLURM_JOB_ID: "12",
    SLURM_STEP_ID: "0",
    SLURM_PROCID: "1",
    SLURM_STEP_NUM_TASKS: "4",
    SLURMD_NODENAME: "n1",
    SLURM_CPUS_ON_NODE: "8",
    SLURM_MEM_PER_CPU: "1400",
    SLURM_JOB_END_TIME: String(Math.floor(Date.now() / 1_000) + 3_600),
  };
  const texts = (await findings([], env)).filter(({ about }) => about === "Slurm");
  expect(texts.map(({ text }) => text)).toEqual([
    "job and step 12.0 on n1, task 1 of 4",
    "cpus on this node: 8, memory of a cpu in MiB: 1400",
    expect.stringMatching(/^the time limit is at .*, in 59m5\ds$|, in 1h$/),
  ]);
});

test.each<[what: string, other: object, mark: Finding["mark"], text: RegExp, advice: RegExp]>([
  [
    "one URL that does not answer",
    { urls: ["ws://127.0.0.1:1"] },
    "fail",
    /^ws:\/\/127\.0\.0\.1:1: connect ECONNREFUSED.*, after \d+ ms$/,
    /nothing listens there/,
  ],
  [
    "a scheduler on the loopback of another machine",
    { urls: ["ws://127.0.0.1:1"], host: "n9" },
    "fail",
    /ECONNREFUSED/,
    /loopback only, on n9: start it with --interface or --host/,
  ],
  ["a file of a scheduler that is gone", { pid: 2 ** 22 + 1 }, "fail", /is stale/, /remove it/],
  [
    "a file of an earlier scheduler",
    { id: "old" },
    "fail",
    /another scheduler answers/,
    /undefined/,
  ],
  [
    "another token",
    { token: "other" },
    "fail",
    /^Give the token of .*The token is not the one/,
    /earlier scheduler/,
  ],
])("finds %s", async (_, other, mark, text, advice) => {
  const args = ["--scheduler-file", await fileWith(other)];
  const found = (await findings(args)).find((each) => text.test(each.text));
  expect(found).toMatchObject({ mark });
  expect(String(found!.advice)).toMatch(advice);
  expect((await doctor(args)).how).toBe(1);
});

test("one of several URLs is enough", async () => {
  const args = ["--scheduler-file", await fileWith({ urls: ["ws://127.0.0.1:1", url] })];
  const { how, stdout } = await doctor(args);
  expect(how, stdout).toBe(0);
  expect(stdout).toContain("warn  ws://127.0.0.1:1: connect ECONNREFUSED");
});

test("a file that others can read is a failure, and it says for whom", async () => {
  const other = await fileWith({});
  await chmod(other, 0o644);
  const { how, stdout } = await doctor(["--scheduler-file", other]);
  expect(how).toBe(1);
  expect(stdout).toContain("fail  every user of this machine can read ");
  expect(stdout).toContain(`chmod 600 ${other}`);
});

test("a file that is not there", async () => {
  const { how, stdout } = await doctor(["--scheduler-file", path.join(folder, "none.json")]);
  expect(how).toBe(1);
  expect(stdout).toMatch(/fail {2}\S+none\.json is not there/);
});

test("an address without a token", async () => {
  const { how, stdout } = await doctor([url]);
  expect(how).toBe(1);
  expect(stdout).toContain(
    "give the scheduler file, or the token by --token-file or $THENCE_TOKEN",
  );
  expect(stdout).toContain(hostname());
});

test("an address that is none ends with 2", async () => {
  expect((await doctor(["127.0.0.1:1"])).how).toBe(2);
});
