// The commands that query a scheduler, as real processes on a real cluster, and the help of every
// command.

import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { thenceCommand } from "../../cli/main.ts";
import { node, reap, root, thence, type End, type Program } from "../processes.ts";

/** One resource more than there may be. */
const manyAmounts = Array.from({ length: 257 }, (_, index) => `r${index}=1`).join();

const commands = thenceCommand().commands.map((command) => command.name());

let folder: string;
let file: string;
let worker: Program;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  file = path.join(folder, "s.json");
  const behaviours = path.join(root, "test", "fixtures", "behaviours.ts");
  const arithmetic = path.join(root, "test", "fixtures", "arithmetic.ts");
  thence(["scheduler", "--port", "0", "--scheduler-file", file]);
  const modules = ["--module", behaviours, "--module", arithmetic];
  worker = thence([
    "worker",
    "--no-supervise",
    "--scheduler-file",
    file,
    "--name",
    "one",
    "--threads",
    "1",
    ...modules,
  ]);
  await worker.wrote(/joined the scheduler/);
}, 60_000);
afterAll(async () => {
  await reap();
  await rm(folder, { recursive: true });
});

function ask(...args: readonly string[]): Promise<End> {
  return thence(args, { env: { THENCE_SCHEDULER_FILE: file } }).ended;
}

describe("submit", () => {
  test.each<[args: string[], stdout: string]>([
    [["add", "1", "10"], "11\n"],
    [["add", "1", "-10"], "-9\n"],
    [["--string", "add", "1", "10"], '"110"\n'],
    [["echo", '{"a":[1,null]}'], '{"a":[1,null]}\n'],
    [["echo", "two words"], '"two words"\n'],
    [["echo", "--", "--verbose"], '"--verbose"\n'],
    [["echo"], ""],
    [["--json", "echo"], "null\n"],
    [["bytes", "3"], "Uint8Array(3) [ 7, 7, 7 ]\n"],
  ])("%j prints %j", async (args, stdout) => {
    expect(await ask("submit", ...args)).toEqual({ how: 0, stdout, stderr: "" });
  });

  test("fails with what the function threw, and where it did", async () => {
    const { how, stdout, stderr } = await ask("submit", "fail", "oops");
    expect(how).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^thence: .*fail.*RangeError: oops\n +at /);
    expect(stderr).toContain("behaviours.ts:");
  });

  test("knows a name that no worker has at once, and the nearest ones", async () => {
    const { how, stderr } = await ask("submit", "ad", "1", "10");
    expect(how).toBe(1);
    expect(stderr).toContain('no worker has a function "ad". Did you mean "add"?');
  });

  test("gives up after its timeout, says why there is no result, and lets go of the task", async () => {
    const { how, stderr } = await ask("submit", "--timeout", "2s", "neverEnds");
    expect(how).toBe(1);
    expect(stderr).toMatch(/^thence: no result within 2s: attempt 1 .* on worker one\n$/m);
    expect((await ask("submit", "add", "1", "1")).stdout).toBe("2\n");
  });

  test("refuses --json for a result that is not JSON, and says where", async () => {
    const { how, stdout, stderr } = await ask("submit", "--json", "bytes", "3");
    expect({ how, stdout }).toEqual({ how: 1, stdout: "" });
    expect(stderr).toContain("the result is not JSON: result is a Uint8Array");
  });

  test("refuses a number that would be altered", async () => {
    const { how, stderr } = await ask("submit", "echo", "12345678901234567890");
    expect(how).toBe(2);
    expect(stderr).toContain("12345678901234567890 is too large to be exact");
  });

  test("ends by the signal that interrupts it, and the task with it", async () => {
    const program = thence(["submit", "waitForSignal"], { env: { THENCE_SCHEDULER_FILE: file } });
    await expect
      .poll(async () => JSON.parse((await ask("status", "--json")).stdout).tasks.running, {
        timeout: 20_000,
      })
      .toBe(1);
    expect((await program.end("SIGINT")).how).toBe("SIGINT");
    expect((await ask("submit", "add", "1", "1")).stdout).toBe("2\n");
  });
});

describe("status", () => {
  test("shows the worker and the tasks", async () => {
    const { how, stdout } = await ask("status");
    expect(how).toBe(0);
    expect(stdout).toMatch(/^tasks +0 waiting, 0 ready, \d+ running/);
    expect(stdout).toMatch(/^one .* up /m);
  });

  test("prints the facts for machines", async () => {
    const facts = JSON.parse((await ask("status", "--json")).stdout);
    expect(facts.workers).toMatchObject([{ name: "one", slots: 1, pid: worker.pid }]);
    expect(facts.functions).toContain("add");
  });

  test("may have its output cut short", async () => {
    const program = thence(["status"], { env: { THENCE_SCHEDULER_FILE: file } });
    program.stopReading();
    expect(await program.ended).toMatchObject({ how: 0, stderr: "" });
  });

  test("says where nobody answered, for how long, and what to check", async () => {
    const { how, stderr } = await ask(
      "status",
      "--address",
      "ws://127.0.0.1:1",
      "--timeout",
      "200ms",
    );
    expect(how).toBe(1);
    expect(stderr).toMatch(/Check .*ws:\/\/127\.0\.0\.1:1.* within 0\.2 s.*ECONNREFUSED/);
  });
});

describe("explain", () => {
  test("says what is known of a task", async () => {
    const program = node([path.join(import.meta.dirname, "holds-a-task.ts")], {
      env: { THENCE_SCHEDULER_FILE: file },
    });
    const [key] = await program.wrote(/add-\S+/);
    const { how, stdout } = await ask("explain", key);
    expect(how).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${key} is finished: `));
    expect(stdout).toMatch(/^function {4}add$/m);
    const facts = JSON.parse((await ask("explain", key, "--json")).stdout);
    expect(facts).toMatchObject({ key, state: "finished", attempt: 1 });
    await program.end("SIGKILL");
  });

  test("fails for a key that no task has", async () => {
    const { how, stderr } = await ask("explain", "nothing-like-it");
    expect(how).toBe(1);
    expect(stderr).toContain('no task has the key "nothing-like-it"');
  });
});

describe("token", () => {
  test("prints the token, and one that only allows to look", async () => {
    const { token } = JSON.parse(await readFile(file, "utf8"));
    expect(await ask("token")).toEqual({ how: 0, stdout: `${token}\n`, stderr: "" });
    const { stdout } = await ask("token", "--view");
    expect(stdout).toMatch(/^view\.[\w-]{43}\n$/);
    const view = path.join(folder, "view.json");
    await ask("token", "--view", "--output", view);
    expect((await stat(view)).mode & 0o777).toBe(0o600);
    // It is for colleagues to read, so nobody is warned of that.
    await chmod(view, 0o644);
    const status = await ask("status", "--scheduler-file", view);
    expect(status).toMatchObject({ how: 0, stderr: "" });
    expect(status.stdout).toContain("one");
    const submitted = await ask("submit", "--scheduler-file", view, "add", "1", "10");
    expect(submitted.how).toBe(1);
    expect(submitted.stderr).toContain("use the full token");
    expect(await ask("doctor", "--scheduler-file", view)).toMatchObject({ how: 0 });
    const module = path.join(root, "test", "fixtures", "arithmetic.ts");
    const refused = await ask("worker", "--scheduler-file", view, "--module", module);
    expect(refused.how).toBe(2);
    expect(refused.stderr).toContain("give the worker the full token");
    expect(refused.stderr).not.toContain("another worker");
    const full = await ask("token", "--scheduler-file", view);
    expect(full).toMatchObject({ how: 1, stdout: "" });
    expect(full.stderr).toContain("only the view token is in");
  });

  test("goes into a file by itself, and never over the scheduler file", async () => {
    const alone = path.join(folder, "token");
    const from = { env: { THENCE_TOKEN: "secret", THENCE_SCHEDULER_FILE: "" } };
    expect((await thence(["token", "--output", alone], from).ended).how).toBe(0);
    expect(await readFile(alone, "utf8")).toBe("secret\n");
    expect((await stat(alone)).mode & 0o777).toBe(0o600);
    expect((await ask("token", "--view", "--output", file)).how).toBe(2);
    const without = await thence(["token"], { env: { THENCE_SCHEDULER_FILE: "" } }).ended;
    expect(without.how).toBe(2);
    expect(without.stderr).toContain("say whose token");
  });
});

describe("usage", () => {
  test.each(commands)("%s --help ends with an example", async (command) => {
    const { how, stdout, stderr } = await ask(command, "--help");
    expect({ how, stderr }).toEqual({ how: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`\\nExamples?:\\n( {2}thence ${command}( .*)?\\n)+$`));
  });

  test("help and version go to standard output with 0", async () => {
    const { stdout } = await ask("help");
    for (const command of commands) expect(stdout).toContain(`\n  ${command} `);
    for (const args of [["version"], ["--version"]]) {
      const { how, stdout } = await ask(...args);
      expect(how).toBe(0);
      expect(stdout).toMatch(/^thence \d+\.\d+\.\d+\n$/);
    }
  });

  test.each<[args: string[], stderr: string]>([
    [[], "Usage: thence"],
    [["subit", "add"], "Did you mean submit?"],
    [["submit", "add", "--scheduler-fil", "s"], "Did you mean --scheduler-file?"],
    [["submit"], "missing required argument 'name'"],
    [["scheduler", "--port", "http"], "Expected a whole number from 0 to 65535."],
    [["scheduler", "--idle-timeout", "60"], '"60" is not a duration'],
    [["scheduler", "--idle-timeout", "1000h"], "Expected at most 596h"],
    [["scheduler", "--durability", "machine"], "--durability needs --journal"],
    [["scheduler", "--no-supervise", "--journal", ""], "--journal takes the path of a folder"],
    [["submit", "add", "--with", "[1]"], "Expected a JSON object"],
    [["scheduler", "--host", ""], "Expected an address, like 127.0.0.1"],
    [["scheduler", "--host", "::1", "--interface", "lo"], "cannot be used with option"],
    [["scheduler", "--tls"], "option '--tls <whether>' argument missing"],
    [["worker", "ws://127.0.0.1:1"], "required option '--module"],
    [["worker", "ws://127.0.0.1:1"], "without functions of your own, give --exec only"],
    [["worker", "--module", "x.ts", "http://127.0.0.1"], "is not the address of a scheduler"],
    [["worker", "--module", "x.ts", "ws://me:secret@host:1"], '"ws://***@host:1" has more than'],
    [["worker", "--module", "x.ts", "--resources", "gpu"], "Expected name=amount"],
    [["worker", "--module", "x.ts", "--tags", "gpu,,highmem"], "Expected tags"],
    [["worker", "--module", "x.ts", "--resources", manyAmounts], "at most 256 resources"],
    [["worker", "--module", "x.ts", "--tags", "x".repeat(257)], "Expected tags"],
    [["worker", "--module", "x.ts", "--resources", "gpu=1,__proto__=1"], "Choose another name"],
    [["worker", "--module", "x.ts", "--resources", 'a"b=1'], 'Choose another name than "a\\"b"'],
    [["worker", "--module", "x.ts", "--threads", "0"], "Expected a whole number from 1"],
    [["status", "extra"], "too many arguments"],
    [["status"], "say where the scheduler is"],
  ])("%j ends with 2 and says what is wrong", async (args, message) => {
    const { how, stdout, stderr } = await thence(args).ended;
    expect({ how, stdout }).toEqual({ how: 2, stdout: "" });
    expect(stderr).toContain(message);
  });
});
