// `thence map` as a process, on this machine.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const program = new URL("../../../cli/bin.js", import.meta.url).pathname;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "thence-map-test-"));
  const functions = [
    "export const add = (x: number, y: number) => x + y;",
    "export const kind = (x: unknown) => typeof x;",
    "export const nothing = () => undefined;",
    'export const fail = () => { throw new Error("not today"); };',
  ];
  writeFileSync(join(folder, "tasks.ts"), functions.join("\n"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function map(...args: string[]) {
  return mapWith({}, ...args);
}

function mapWith(variables: NodeJS.ProcessEnv, ...args: string[]) {
  const env = { ...process.env, THENCE_ADDRESS: "", THENCE_SCHEDULER_FILE: "", ...variables };
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, "map", ...args], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { stdout, stderr, status };
}

/** The rows of a job log, without its times. */
function rowsOf(file: string): string[] {
  const [, ...rows] = readFileSync(join(folder, file), "utf8").trimEnd().split("\n");
  return rows.map((row) => row.split("\t").toSpliced(2, 2).join(" "));
}

describe("commands", () => {
  test("run by the shell, and count the failed ones", () => {
    const { stdout, status } = map(
      "-k",
      "-j2",
      "--joblog",
      "a.log",
      "echo {}; exit {}",
      ":::",
      "0",
      "2",
    );
    expect({ stdout, status }).toEqual({ stdout: "0\n2\n", status: 1 });
    expect(rowsOf("a.log")).toEqual(["1 : 0 2 0 0 echo 0; exit 0", "2 : 0 2 2 0 echo 2; exit 2"]);
  });

  // Beside others, GNU Parallel itself loses rows of such a log now and then.
  test("log to standard output, each job after what it wrote", () => {
    const { stdout, status } = map("-j1", "--joblog", "-", "echo", ":::", "a", "b");
    const rows = stdout.trimEnd().split("\n");
    const said = rows.map((row) => row.split("\t").at(-1));
    // The next job may write before the row of the one before.
    expect(said.toSorted()).toEqual(["Command", "a", "b", "echo a", "echo b"]);
    const places = ["Command", "a", "echo a", "echo b"].map((text) => said.indexOf(text));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(said.indexOf("b")).toBeLessThan(said.indexOf("echo b"));
    expect(status).toBe(0);
  });

  test("log how a signal ended them", () => {
    map("--joblog", "b.log", "kill -9 $$ #", ":::", "x");
    expect(rowsOf("b.log")).toEqual(["1 : 0 0 0 9 kill -9 $$ # x"]);
  });

  test("are ended by a timeout", () => {
    const { stdout, status } = map(
      "-j1",
      "--joblog",
      "c.log",
      "--timeout",
      "0.3",
      "echo {}; sleep 9",
      ":::",
      "x",
    );
    expect({ stdout, status }).toEqual({ stdout: "x\n", status: 1 });
    expect(rowsOf("c.log")).toEqual(["1 : 0 2 -1 15 echo x; sleep 9"]);
  });

  test("run again until they succeed, and print the last output only", () => {
    const line = "echo a >> d; wc -l < d; [ $(wc -l < d) = 3 ]";
    const { stdout, status } = map("--retries", "5", line, "#", ":::", "x");
    expect({ stdout, status }).toEqual({ stdout: "3\n", status: 0 });
  });

  test("that are done are left out by --resume", () => {
    map(
      "-j1",
      "--joblog",
      "e.log",
      "--halt",
      "soon,fail=1",
      "echo {}; exit {}",
      ":::",
      "0",
      "3",
      "0",
    );
    const { stdout } = map(
      "-j1",
      "--joblog",
      "e.log",
      "--resume",
      "echo {}; exit {}",
      ":::",
      "0",
      "3",
      "0",
    );
    expect(stdout).toBe("0\n");
    expect(rowsOf("e.log").map((row) => row[0])).toEqual(["1", "2", "3"]);
  });
});

test("commands have the numbers of their jobs in their environment, as in GNU Parallel", () => {
  const names = ["SEQ", "JOBSLOT", "JOBSLOT0", "SSHHOST", "SSHLOGIN"];
  const line = names.map((name) => `$PARALLEL_${name}`).join(" ");
  expect(map("-j1", "-k", `echo ${line} #`, ":::", "a", "b").stdout).toBe("1 1 0 : :\n2 1 0 : :\n");
});

test("exported functions of bash reach commands through any sh", () => {
  const folderOfSh = join(folder, "bin");
  mkdirSync(folderOfSh);
  symlinkSync("/bin/dash", join(folderOfSh, "sh"));
  const line = `f() { echo "f
    $1"; }; export -f f; "${program}" map f ::: 1; "${program}" map 'env | grep -c THENCE_[SV] #' ::: 1`;
  const PATH = [folderOfSh, dirname(process.execPath), process.env["PATH"]].join(":");
  const { stdout } = spawnSync("bash", ["-c", line], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH, HOME: folder },
  });
  expect(stdout).toBe("f\n    1\n0\n");
});

test.each(["--group", "--lb"])("fewer commands run at once where files are short: %s", (option) => {
  const line = `ulimit -n 64; exec "$@" map -j30 ${option} 'echo {}; sleep 0.1' ::: {1..40}`;
  const command = ["-c", line, "bash", process.execPath, program];
  const { stdout, stderr, status } = spawnSync("bash", command, { encoding: "utf8" });
  expect(stdout.trimEnd().split("\n").length).toBe(40);
  expect(stderr).toBe(
    "thence: EMFILE: this system has no room for so many jobs at once: running fewer\n",
  );
  expect(status).toBe(0);
});

test("--wd ... gives each command an empty folder, which nobody can foresee or enter, and which is removed", () => {
  const { stdout } = map("-k", "--wd", "...", "pwd; ls; stat -c %a .; touch", ":::", "a", "b");
  const lines = stdout.trimEnd().split("\n");
  const folders = lines.filter((line) => line !== "700");
  expect(lines.length - folders.length).toBe(2);
  expect(new Set(folders).size).toBe(2);
  expect(folders.filter((path) => !path.startsWith(tmpdir()) || existsSync(path))).toEqual([]);
  for (const each of folders) expect(each).toMatch(/-[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}-\d+$/);
});

describe("results", () => {
  const saved = (...names: string[]) => readFileSync(join(folder, ...names), "utf8");

  test("are saved in a folder, and jobs that have some are left out by --resume", () => {
    map("-j1", "-v", "--results", "r", "echo {}; exit {}", ":::", "0", "2");
    expect(saved("r", "1", "2", "stdout")).toBe("echo 2; exit 2\n2\n");
    const { status } = map("--resume", "--results", "r", "echo {}; exit {}", ":::", "0", "2", "3");
    expect(status).toBe(1);
    expect(saved("r", "1", "3", "stdout")).toBe("3\n");
  });

  test("are left out by --resume if they are in the results or in the log", () => {
    map("--results", "s", "echo", ":::", "1");
    map("--joblog", "s.log", "echo", ":::", "2");
    map("--resume", "--results", "s", "--joblog", "s.log", "echo", ":::", "2", "1", "3");
    expect(rowsOf("s.log").map((row) => row[0])).toEqual(["1", "3"]);
  });

  test("of functions are saved in a table", () => {
    const { stdout } = map(
      ..."--results -.tsv --module ./tasks.ts --link add ::: 1 ::: 2".split(" "),
    );
    expect(stdout).toMatch(/^Seq\t.*\n1\t:\t.*\t0\t0\t"add 1 2"\t1\t2\t"3\n"\t\n$/);
  });

  test("are not touched by a dry run, which prints the commands", () => {
    const { stdout } = map("--dry-run", "--results", "u", "echo", ":::", "1");
    expect(stdout).toBe("echo 1\n");
    expect(existsSync(join(folder, "u"))).toBe(false);
  });
});

test.each(["--bar", "--eta", "--progress"])("%s leaves standard output alone", (option) => {
  const { stdout, stderr } = map(option, "-k", "-u", "echo", ":::", "a", "b");
  expect(stdout.split("\n").sort()).toEqual(["", "a", "b"]);
  expect(stderr).toMatch(option === "--bar" ? /^100$/m : /0\/2\/100%/);
});

describe("functions", () => {
  test("are called with linked inputs", () => {
    const line = "--link --module ./tasks.ts -k add ::: 1 2 3 4 5 ::: 10 11 12 13 14";
    const { stdout, status } = map(...line.split(" "));
    expect({ stdout, status }).toEqual({ stdout: "11\n13\n15\n17\n19\n", status: 0 });
  });

  test("get JSON where an input is JSON, and strings with --string", () => {
    const line = '--module ./tasks.ts -k kind ::: 1 a {"b":1}'.split(" ");
    expect(map(...line).stdout).toBe("number\nstring\nobject\n");
    expect(map("--string", ...line).stdout).toBe("string\nstring\nstring\n");
  });

  test("get a string for an integer that no number can be", () => {
    const line = "--module ./tasks.ts -k kind ::: 9007199254740993 9007199254740991".split(" ");
    expect(map(...line)).toMatchObject({ stdout: "string\nnumber\n", status: 0 });
  });

  test.each(["[12345678901234567890]", '{"__proto__":1}'])(
    "that cannot have an argument are one failed job: %s",
    (argument) => {
      const line = ["--module", "./tasks.ts", "-k", "kind", ":::", argument, "1"];
      const { stdout, stderr, status } = map(...line);
      expect({ stdout, status }).toEqual({ stdout: "number\n", status: 1 });
      expect(stderr).toMatch(/^thence: input 1: /);
    },
  );

  test("print nothing for undefined, and null with --json", () => {
    const line = ["--module", "./tasks.ts", "nothing", ":::", "1"];
    expect(map(...line).stdout).toBe("");
    expect(map("--json", ...line).stdout).toBe("null\n");
  });

  test("that throw count as failed, with their message", () => {
    const { stderr, status } = map("--module", "./tasks.ts", "fail", ":::", "1", "2");
    expect(status).toBe(2);
    expect(stderr).toContain("not today");
  });
});

test.each([
  [
    ["--module", "./tasks.ts", "ad", ":::", "1"],
    'no module or worker has a function "ad". Did you mean "add"?',
  ],
  [["--module", "./none.ts", "f", ":::", "1"], "none.ts does not load"],
  [["--function", "f", ":::", "1"], "--function f needs the --module that has it"],
  [
    [
      "--module",
      "./tasks.ts",
      "--header",
      ":",
      "add",
      "{x}",
      "{z}",
      ":::",
      "x",
      "1",
      ":::",
      "y",
      "2",
    ],
    'there is no column "z": the header has x, y',
  ],
  [
    ["--module", "./tasks.ts", "--colsep", ",", "add", "{1}", "{3}", ":::", "1,2"],
    "input 1 has no column 3: it has 2",
  ],
  [["--nice", "3", "true", ":::", "1"], "--nice of GNU Parallel is not in thence map"],
  [["-S", "host", "true", ":::", "1"], "-S of GNU Parallel is not in thence map"],
  [["--joob", "1"], "unknown option --joob"],
  [["echo", "::::", "none.txt"], 'cannot open the input file "none.txt"'],
])("wrong usage has a message, and the status 255: %j", (args, message) => {
  const { stdout, stderr, status } = map(...args);
  expect({ stdout, status }).toEqual({ stdout: "", status: 255 });
  expect(stderr).toContain(message);
});

test.each([
  [["--wd", "/dev/null/x"], {}, "the folder /dev/null/x of job 1 cannot be made: "],
  [["--results", "/dev/null/x"], {}, "the results of job 1 cannot be saved: "],
  [[], { TMPDIR: "/no/such/folder" }, "let TMPDIR name a folder for temporary files"],
])("what cannot be made ends the run with its reason: %j", (options, env, reason) => {
  const { stderr, status } = mapWith(env, "-k", ...options, "echo {};:", ":::", "1", "2", "3");
  expect(stderr).toContain(`thence: ${reason}`);
  expect(status).toBe(255);
});

test.each(["true", "echo error >&2"])("a reader that has enough ends the run: %s", async (more) => {
  const line = ["-j1", "--lb", `${more}; sleep 0.05; echo`, "::::", "-"];
  const child = spawn(process.execPath, [program, "map", ...line], { cwd: folder });
  child.stdin.on("error", () => undefined).end("1\n".repeat(1000));
  let stderr = "";
  child.stderr.on("data", (text) => (stderr += String(text)));
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [status] = (await once(child, "close")) as [number];
  expect(status).toBe(141);
  expect(stderr.replaceAll("error\n", "")).toBe("");
});

test("SIGTERM ends a run whose output nobody reads", async () => {
  const line = ["-j1", "echo ready >&2; head -c 4000000 /dev/zero; exit {}", ":::", "1", "2"];
  const child = spawn(process.execPath, [program, "map", "--lb", ...line], { cwd: folder });
  await once(child.stderr, "data");
  child.kill("SIGTERM");
  const [status] = (await once(child, "exit")) as [number];
  child.stdout.destroy();
  expect(status).toBe(255);
});

test("SIGINT starts no more jobs, and lets those that run end", async () => {
  const args = [program, "map", "-j1", "--lb", "echo {}; sleep 0.5; echo end {}", ":::", "1", "2"];
  const child = spawn(process.execPath, args, { cwd: folder });
  let stdout = "";
  child.stdout.on("data", (text) => {
    stdout += String(text);
    if (stdout === "1\n") child.kill("SIGINT");
  });
  const [status] = (await once(child, "close")) as [number];
  expect({ stdout, status }).toEqual({ stdout: "1\nend 1\n", status: 255 });
});
