// The job log: its bytes, and which jobs a later run leaves out, compared with GNU Parallel.

import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { Joblog, type JoblogOptions } from "../../../../cli/map/saved/joblog.ts";
import type { Outcome } from "../../../../cli/map/jobs/outcome.ts";
import { hasParallel, inFolder, joblogRows, parallel } from "../parallel.ts";

const outcome: Outcome = {
  exitCode: 0,
  signal: 0,
  startedAt: 1_700_000_000_123,
  ranMs: 4567.9,
  host: ":",
  sentBytes: 0,
  receivedBytes: 0,
};

function open(file: string, options: Partial<JoblogOptions> = {}): Joblog {
  return new Joblog({ path: file, stdout: { write: () => undefined }, ...options });
}

/** Runs jobs that print a value and end with it, as `thence map` would; returns the values printed. */
function run(file: string, values: number[], options: Partial<JoblogOptions>): number[] {
  const log = open(file, options);
  const again = options.retryFailed ? log.failed : undefined;
  const jobs =
    again ?? values.map((value, i) => ({ seq: i + 1, command: `echo ${value}; exit ${value}` }));
  const ran: number[] = [];
  for (const { seq, command } of jobs) {
    if (log.isDone(seq)) continue;
    const value = Number(/\d+$/.exec(command)![0]);
    ran.push(value);
    log.write(seq, { ...outcome, exitCode: value, receivedBytes: `${value}\n`.length }, command);
  }
  log.close();
  return ran;
}

describe.skipIf(!hasParallel)("as in GNU Parallel", () => {
  type Step = [values: number[], args: string[], options: Partial<JoblogOptions>];
  const plain: Step = [[0, 1, 2, 0], [], {}];
  const resume: Step[1] = ["--resume"];
  const histories: [string, Step[]][] = [
    ["one run", [plain]],
    ["a second run begins a new log", [plain, [[3], [], {}]]],
    ["resume with more inputs", [plain, [[0, 1, 2, 0, 5], resume, { resume: true }]]],
    ["resume twice", [plain, plain, [[0, 1, 2, 0, 5], resume, { resume: true }]]],
    ["resume without a log", [[[0, 1], resume, { resume: true }]]],
    ["resume failed jobs", [plain, [[0, 1, 2, 0, 5], ["--resume-failed"], { resumeFailed: true }]]],
    [
      "resume failed jobs that then succeed",
      [
        plain,
        [[0, 0, 0, 0, 5], ["--resume-failed"], { resumeFailed: true }],
        [[0, 1, 0, 0, 5], ["--resume-failed"], { resumeFailed: true }],
      ],
    ],
    ["retry failed jobs", [plain, [[], ["--retry-failed"], { retryFailed: true }]]],
    [
      "retry failed jobs twice",
      [
        plain,
        [[], ["--retry-failed"], { retryFailed: true }],
        [[], ["--retry-failed"], { retryFailed: true }],
      ],
    ],
    ["retry failed jobs without a log", [[[0, 3], ["--retry-failed"], { retryFailed: true }]]],
    [
      "append",
      [
        [[1], ["+"], { append: true }],
        [[2], ["+"], { append: true }],
      ],
    ],
    [
      "append, then resume",
      [plain, [[0, 1, 2, 0, 5], ["+", ...resume], { append: true, resume: true }]],
    ],
  ];

  test.each(histories)("%s", async (_, steps) => {
    await inFolder((folder) => {
      const [theirs, ours] = [path.join(folder, "theirs"), path.join(folder, "ours")];
      for (const [values, args, options] of steps) {
        const file = args.includes("+") ? `+${theirs}` : theirs;
        const rest = args.filter((arg) => arg !== "+");
        const work = values.length > 0 ? ["echo {}; exit {}", ":::", ...values.map(String)] : [];
        const { stdout } = parallel(["-j1", "--joblog", file, ...rest, ...work]);
        expect(run(ours, values, options)).toEqual(stdout.split("\n").slice(0, -1).map(Number));
        expect(joblogRows(ours)).toEqual(joblogRows(theirs));
      }
    });
  });

  test("a command of several lines, and signals", async () => {
    await inFolder((folder) => {
      const [theirs, ours] = [path.join(folder, "theirs"), path.join(folder, "ours")];
      const killed = "kill -9 $$";
      const lines = "true\nexit 3";
      parallel(["-j1", "-0", "--joblog", theirs, ":::", killed, lines]);
      const log = open(ours);
      log.write(1, { ...outcome, signal: 9 }, killed);
      log.write(2, { ...outcome, exitCode: 3 }, lines);
      log.close();
      expect(joblogRows(ours)).toEqual(joblogRows(theirs));
      expect(open(theirs, { retryFailed: true }).failed).toEqual([
        { seq: 1, command: killed },
        { seq: 2, command: lines },
      ]);
    });
  });
});

test("times are seconds with three digits, and durations are cut", async () => {
  await inFolder((folder) => {
    const file = path.join(folder, "log");
    const log = open(file);
    log.write(1, outcome, "true");
    log.close();
    expect(readFileSync(file, "utf8").split("\n")[1]).toBe(
      "1\t:\t1700000000.123\t     4.567\t0\t0\t0\t0\ttrue",
    );
  });
});

test("a log on standard output is written at once", () => {
  let text = "";
  const log = open("-", {
    stdout: { write: (bytes) => void (text += Buffer.from(bytes).toString()) },
  });
  log.write(1, outcome, "true");
  expect(text.split("\n")).toHaveLength(3);
  log.close();
  expect(existsSync("-")).toBe(false);
});

test("rows are in the file when the running code has finished", async () => {
  await inFolder(async (folder) => {
    const file = path.join(folder, "log");
    const log = open(file);
    log.write(1, outcome, "true");
    await new Promise((resolve) => setImmediate(resolve));
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(3);
    log.close();
  });
});

test("a dry run writes no log", async () => {
  await inFolder((folder) => {
    const file = path.join(folder, "log");
    const log = open(file, { dryRun: true });
    log.write(1, outcome, "true");
    log.close();
    expect(existsSync(file)).toBe(false);
  });
});

describe("a log that is damaged", () => {
  const row = "1\t:\t1700000000.123\t     4.567\t0\t0\t0\t0\ttrue\n";
  const head = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

  async function withLog<T>(text: string, use: (file: string) => T): Promise<T> {
    return inFolder((folder) => {
      const file = path.join(folder, "log");
      writeFileSync(file, text);
      return use(file);
    });
  }

  test("at its end has one job run again, and goes on with a new row", async () => {
    const whole = `${head}${row}${row.replace("1", "2")}`;
    for (let cut = 1; cut < row.length; cut++) {
      await withLog(whole.slice(0, -cut), (file) => {
        const log = open(file, { resume: true });
        expect([1, 2].map((seq) => log.isDone(seq))).toEqual([true, false]);
        log.write(2, outcome, "true");
        log.close();
        expect(readFileSync(file, "utf8")).toBe(whole);
      });
    }
  });

  test("in the middle is an error that names the line, and stays as it is", async () => {
    await withLog(`${head}${row}junk\n${row}`, (file) => {
      const copy = `${file}.copy`;
      copyFileSync(file, copy);
      expect(() => open(file, { resume: true })).toThrow(
        /is damaged\. Remove this line, and its job runs again.*line 3 is "junk"/,
      );
      expect(readFileSync(file)).toEqual(readFileSync(copy));
    });
  });

  test.each(["a file of something else\n", "no newline", "x".repeat(1000)])(
    "or no log at all is refused, and stays as it is: %s",
    async (text) => {
      await withLog(text, (file) => {
        expect(() => open(file, { resumeFailed: true })).toThrow(
          /is no job log\. Give another file/,
        );
        expect(readFileSync(file, "utf8")).toBe(text);
      });
    },
  );

  test("or in no folder is an error", () => {
    expect(() => open("/no/folder/log")).toThrow(/cannot be written.*no such file/);
    expect(() => open("/", { resume: true })).toThrow(/cannot be read/);
  });
});

test("the log of another run is refused, unless only failed jobs run", async () => {
  await inFolder((folder) => {
    const file = path.join(folder, "log");
    const log = open(file);
    log.write(1, outcome, "echo a");
    log.close();
    const resumed = open(file, { resume: true });
    resumed.expectSame(1, "echo a");
    expect(() => resumed.expectSame(1, "echo b")).toThrow(
      /is the job log of another run: there, job 1 is `echo a`, and here `echo b`\. Give another/,
    );
    resumed.close();
    const changed = open(file, { resumeFailed: true });
    changed.expectSame(1, "echo b");
    changed.close();
  });
});
