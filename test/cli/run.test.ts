// `thence run` on this machine: scheduler, worker and driver as real processes that end with the driver.

import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { childrenOf, gone, reap, root, thence, type Program } from "../processes.ts";

const guide = path.join(root, "examples", "guide");
const tasks = path.join(root, "test", "fixtures", "arithmetic.ts");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
});
afterEach(async () => {
  await reap();
  await rm(folder, { recursive: true });
});

/** Runs a program of this text, with its temporary files where the test can see them. */
async function run(program: string, args: readonly string[] = []): Promise<Program> {
  await writeFile(path.join(folder, "main.mjs"), program);
  return start(["--module", tasks, "--threads", "1", path.join(folder, "main.mjs"), ...args]);
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return thence(["run", ...args], { cwd: folder, env: { TMPDIR: folder, ...env } });
}

test("prints what the program prints, and nothing else, and leaves nothing", async () => {
  const main = path.join(guide, "main.ts");
  const { how, stdout, stderr } = await start(["--module", path.join(guide, "tasks.ts"), main])
    .ended;
  expect({ how, stdout, stderr }).toEqual({ how: 0, stdout: "11\n13\n15\n17\n19\n", stderr: "" });
  expect(await readdir(folder)).toEqual([]);
}, 60_000);

test("passes on arguments that look like its own, and the exit code", async () => {
  const text = "console.log(process.argv.slice(2).join()); process.exitCode = 3;";
  const { how, stdout } = await (await run(text, ["--module", "x", "--", "-1"])).ended;
  expect({ how, stdout }).toEqual({ how: 3, stdout: "--module,x,--,-1\n" });
}, 60_000);

test("the program finds this scheduler and no other, in a file that only the user can read", async () => {
  const text = `
    import { statSync } from "node:fs";
    const { THENCE_SCHEDULER_FILE: file, THENCE_ADDRESS, THENCE_TOKEN } = process.env;
    console.log((statSync(file).mode & 0o777).toString(8), THENCE_ADDRESS, THENCE_TOKEN);`;
  await writeFile(path.join(folder, "main.mjs"), text);
  const args = ["--module", tasks, path.join(folder, "main.mjs")];
  const env = { THENCE_ADDRESS: "ws://127.0.0.1:1", THENCE_TOKEN: "other" };
  expect((await start(args, env).ended).stdout).toBe("600 undefined undefined\n");
}, 60_000);

test("passes a signal on, and lives as long as the program", async () => {
  const text = `
    process.once("SIGTERM", () => {
      console.log("asked");
      setTimeout(() => process.exit(7), 300);
    });
    setInterval(() => undefined, 1_000);
    console.log("ready");`;
  const program = await run(text);
  await program.wrote(/ready/);
  const { how, stdout } = await program.end("SIGTERM");
  expect({ how, stdout }).toEqual({ how: 7, stdout: "ready\nasked\n" });
  expect(await readdir(folder)).toEqual(["main.mjs"]);
}, 60_000);

test("SIGUSR1 is the program's, and says nothing where that does not listen", async () => {
  const text = `
    process.once("SIGUSR1", () => console.log("heard"));
    process.stdin.once("data", () => setTimeout(() => process.exit(0), 300));
    console.log("ready");`;
  const program = await run(text);
  await program.wrote(/ready/);
  const driver = childrenOf(program.pid).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").endsWith("main.mjs\0"),
  );
  process.kill(driver!, "SIGUSR1");
  await program.wrote(/heard/);
  process.kill(driver!, "SIGUSR1");
  program.type("end\n");
  const { how, stderr } = await program.ended;
  expect({ how, stderr }).toEqual({ how: 0, stderr: "" });
}, 60_000);

test("the worker ends when this process is killed", async () => {
  const program = await run("setInterval(() => undefined, 1_000); console.log('ready');");
  await program.wrote(/ready/);
  const children = childrenOf(program.pid);
  expect(children).toHaveLength(2);
  const commands = await Promise.all(
    children.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8")),
  );
  program.signal("SIGKILL");
  for (const [index, pid] of children.entries()) {
    if (commands[index]!.includes("bin.js")) await gone(pid);
    // Nothing ends a user's program but the user.
    else process.kill(pid, "SIGKILL");
  }
}, 60_000);

test("a worker that cannot start ends the program's wait", async () => {
  const main = path.join(guide, "main.ts");
  const { how, stderr } = await start(["--module", "./taks.ts", main]).ended;
  expect(how).toBe(1);
  expect(stderr).toContain("taks.ts does not load: there is no such file");
  // The scheduler says it, and the error of the program.
  expect(stderr).not.toMatch(/ worker: /);
}, 60_000);

test.each<[args: string[], message: RegExp]>([
  [["--module", "x.ts", "nope.mjs"], /^thence: there is no file nope\.mjs in /],
  [["--module", "x.ts", "."], /^thence: there is no file \. in /],
  [["--module", "x.ts"], /missing required argument 'script'/],
  [["main.mjs"], /required option '--module.* give --exec only/],
  [["--threads", "0", "--module", "x.ts", "main.mjs"], /Expected a whole number from 1/],
  [["--name", "one", "--module", "x.ts", "main.mjs"], /unknown option '--name'/],
])("%j ends with 2 before anything starts", async (args, message) => {
  const { how, stderr } = await start(args).ended;
  expect(how).toBe(2);
  expect(stderr).toMatch(message);
});

test("a script in a job of several nodes is told that it leaves them unused", async () => {
  await writeFile(path.join(folder, "main.mjs"), "");
  const env = { SLURM_JOB_ID: "12", SLURM_JOB_NUM_NODES: "2" };
  const { how, stderr } = await start(["--module", tasks, path.join(folder, "main.mjs")], env)
    .ended;
  expect(how).toBe(0);
  expect(stderr).toMatch(/warning run: this runs on 1 of the 2 nodes of the job/);
}, 60_000);
