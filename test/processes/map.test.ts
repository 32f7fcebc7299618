// `thence map` on clusters of real daemons, and runs that are interrupted or killed and go on.

import {
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  existsSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gone, thence, type End, type Program } from "../processes.ts";
import { cleanUp, patientMs, startScheduler, startWorker } from "./daemons.ts";

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "thence-map-test-")));
  writeFileSync(path.join(folder, "marks.ts"), marks);
});
afterEach(async () => {
  await cleanUp();
  rmSync(folder, { recursive: true, force: true });
}, patientMs);

/** A function that writes down each call; it waits a little, so that a run can be ended in the middle. */
const marks = `
  import { appendFileSync } from "node:fs";
  export async function mark(file, input) {
    appendFileSync(file, input + "\\n");
    await new Promise((resolve) => setTimeout(resolve, 30));
    return input;
  }`;

function map(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return thence(["map", ...args], { cwd: folder, env });
}

function linesOf(file: string): string[] {
  return readFileSync(path.join(folder, file), "utf8").split("\n").slice(0, -1);
}

/** Of each job in a log: its number, host, exit value, signal and command. */
function rowsOf(file: string): string[][] {
  return linesOf(file)
    .slice(1)
    .map((row) => row.split("\t").filter((_, column) => [0, 1, 6, 7, 8].includes(column)));
}

/** Starts a cluster of two workers; returns the options that name it. */
async function cluster(): Promise<string[]> {
  const scheduler = await startScheduler();
  const modules = [path.join(folder, "marks.ts")];
  await startWorker(scheduler, { name: "one", modules });
  await startWorker(scheduler, { name: "two", modules });
  return ["--scheduler-file", scheduler.file];
}

const inputs = Array.from({ length: 40 }, (_, i) => String(i + 1));

describe("on a cluster", () => {
  test(
    "commands run on its workers, and the log has their host",
    async () => {
      const where = await cluster();
      const line = ["-k", "--joblog", "log", "echo out {}; echo err {} >&2; exit {}", ":::"];
      const { how, stdout, stderr } = await map([...where, ...line, "0", "3"]).ended;
      expect({ how, stdout, stderr }).toEqual({
        how: 1,
        stdout: "out 0\nout 3\n",
        stderr: "err 0\nerr 3\n",
      });
      const rows = rowsOf("log").sort();
      expect(rows.map((row) => row.slice(0, 4))).toEqual([
        ["1", hostname(), "0", "0"],
        ["2", hostname(), "3", "0"],
      ]);
    },
    patientMs,
  );

  test(
    "commands have temporary folders, and know the host",
    async () => {
      const where = await cluster();
      const line = ["-k", "--wd", "...", "--plus", "pwd; touch here; echo {host} {}", ":::", "a"];
      const { how, stdout } = await map([...where, ...line]).ended;
      const [directory = "", host] = stdout.split("\n");
      expect({ how, host }).toEqual({ how: 0, host: `${hostname()} a` });
      expect(directory).toContain("thence-");
      expect(existsSync(directory)).toBe(false);
    },
    patientMs,
  );

  test(
    "functions of its workers are called, with arguments and results",
    async () => {
      const where = await cluster();
      const file = path.join(folder, "calls");
      const line = ["-k", "--joblog", "log", "--function", "mark", file, "{}", ":::"];
      const { how, stdout } = await map([...where, ...line, "7", "x"]).ended;
      expect({ how, stdout }).toEqual({ how: 0, stdout: "7\nx\n" });
      expect(linesOf("calls").sort()).toEqual(["7", "x"]);
      expect(rowsOf("log").sort()).toEqual([
        ["1", "-", "0", "0", `mark ${file} 7`],
        ["2", "-", "0", "0", `mark ${file} x`],
      ]);
    },
    patientMs,
  );
});

/** Sends SIGINT until the program has ended; those that come at once count as one. */
async function interruptUntilEnded(program: Program): Promise<End> {
  while (program.isRunning) {
    program.signal("SIGINT");
    await Promise.race([program.ended, sleep(50)]);
  }
  return program.ended;
}

describe.each(["here", "on a cluster"])("a second SIGINT %s", (place) => {
  test(
    "kills the commands that run",
    async () => {
      const where = place === "here" ? [] : await cluster();
      const line = ["-j1", "--lb", "--joblog", "log", "echo pid $$; sleep 1000 #", ":::", "a", "b"];
      const program = map([...where, ...line]);
      const [, pid] = await program.wrote(/pid (\d+)\n/);
      program.signal("SIGINT");
      await program.wrote(/SIGINT: starting no more jobs/);
      const { how, stdout } = await interruptUntilEnded(program);
      expect({ how, stdout }).toEqual({ how: 255, stdout: `pid ${pid}\n` });
      await gone(Number(pid));
      // What was killed is run again by --resume.
      expect(rowsOf("log")).toEqual([]);
    },
    patientMs,
  );
});

const works: Record<string, (calls: string) => string[]> = {
  commands: (calls) => [`echo {} >> ${calls}; sleep 0.03; echo {}`],
  functions: (calls) => ["--module", "./marks.ts", "mark", calls, "{}"],
};

describe.each(Object.entries(works))("a run of %s that goes on", (_, work) => {
  const line = () => {
    const calls = path.join(folder, "calls");
    return ["-j2", "--joblog", "log", "--resume", ...work(calls), ":::", ...inputs];
  };

  test(
    "after SIGINT has run and printed each input once",
    async () => {
      const first = map(line());
      await first.wrote(/^5$/m);
      const begun = await first.end("SIGINT");
      expect(begun.how).toBe(255);
      const rest = await map(line()).ended;
      expect(rest.how).toBe(0);
      const inOrder = (texts: string[]) => texts.sort((a, b) => Number(a) - Number(b));
      expect(inOrder(linesOf("calls"))).toEqual(inputs);
      expect(inOrder((begun.stdout + rest.stdout).trimEnd().split("\n"))).toEqual(inputs);
      expect(inOrder(rowsOf("log").map(([seq]) => seq!))).toEqual(inputs);
    },
    patientMs,
  );

  test(
    "after kill -9 runs again only what was not in the log",
    async () => {
      const first = map(line());
      await first.wrote(/^5$/m);
      const { stdout } = await first.end("SIGKILL");
      const logged = rowsOf("log").map(([seq]) => seq!);
      expect(logged).toContain("1");
      expect(stdout.split("\n")).toEqual(expect.arrayContaining(logged));
      const rest = await map(line()).ended;
      expect(rest.how).toBe(0);
      const again = rest.stdout.trimEnd().split("\n");
      expect(again.filter((input) => logged.includes(input))).toEqual([]);
      expect([...logged, ...again].sort()).toEqual([...inputs].sort());
      expect(
        rowsOf("log")
          .map(([seq]) => seq!)
          .sort(),
      ).toEqual([...inputs].sort());
      // A job that ran when the map was killed may have run twice.
      expect([...new Set(linesOf("calls"))].sort()).toEqual([...inputs].sort());
    },
    patientMs,
  );
});
