// What is printed of jobs, in which order, compared with GNU Parallel.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test, vi } from "vitest";
import {
  Printer,
  type JobOutput,
  type PrinterOptions,
} from "../../../../cli/map/output/printer.ts";
import { SpoolRoom } from "../../../../cli/map/output/spool.ts";
import type { Sink } from "../../../../cli/map/output/standard-output.ts";
import { hasParallel, inFolder, joblogRows } from "../parallel.ts";

type Mode = PrinterOptions["mode"];

/** A printer and the text of what it printed; `both` has standard error between braces. */
function printerOf(options: Partial<PrinterOptions>) {
  const shown = { stdout: "", both: "" };
  const sink = (name: "stdout" | "stderr"): Sink => ({
    write: (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      if (name === "stdout") shown.stdout += text;
      shown.both += name === "stdout" ? text : `{${text}}`;
    },
  });
  const printer = new Printer({
    mode: "group",
    keepOrder: false,
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    ...options,
  });
  const write = (output: JobOutput, text: string, to: "stdout" | "stderr" = "stdout") =>
    output.write(to, Buffer.from(text, "latin1"));
  return { printer, shown, write };
}

const flags: Readonly<Record<Mode, string>> = { group: "--group", line: "--lb", none: "-u" };

/** Each job writes these pieces; those of standard error begin with `!`. */
const jobs: Readonly<Record<string, string[][]>> = {
  "whole lines": [["a\n", "b\n"], ["c\n"]],
  "no end of the last line": [["a\nb"], ["c", "d"]],
  "empty lines": [["\n\na\n\n"], ["\n"]],
  nothing: [[], ["a\n"], []],
  "both streams": [
    ["a\n", "!b\n", "c\n", "!d"],
    ["!e\n", "f"],
  ],
  "carriage returns": [["1%\r2%\r", "done\r\n", "x\ry"]],
  "bytes that are no text": [["\xff\xfe\n\x00\x80"]],
};

/** @param pause between the pieces, in seconds */
function command(pieces: readonly string[], pause: number): string {
  const octal = (text: string) =>
    [...text].map((each) => `\\${each.charCodeAt(0).toString(8).padStart(3, "0")}`).join("");
  const parts = pieces.map((piece) =>
    piece.startsWith("!") ? `printf '${octal(piece.slice(1))}' >&2` : `printf '${octal(piece)}'`,
  );
  return ["true", ...parts].join(`; sleep ${pause}; `);
}

/** GNU Parallel reads pieces as they come only if it is fast enough; a busy machine needs longer pauses. */
const pauses = [0.05, 0.2];
const longestPause = 0.8;

describe.skipIf(!hasParallel).each<Mode>(["group", "line", "none"])(
  "with %s, the output of",
  (mode) => {
    describe.each([[undefined], ["t"]])("jobs with the tag %s", (tag) => {
      test.each(Object.entries(jobs))("%s is that of GNU Parallel", async (_, all) => {
        await inFolder(async (folder) => {
          const { printer, shown, write } = printerOf({ mode });
          const received: number[] = [];
          for (const pieces of all) {
            const output = printer.begin({ ...(tag !== undefined && { tag }) });
            for (const piece of pieces) {
              void (piece.startsWith("!")
                ? write(output, piece.slice(1), "stderr")
                : write(output, piece));
            }
            await output.end(() => received.push(output.receivedBytes));
          }
          const ours = { stdout: shown.both.replace(/[{}]/g, ""), received };
          const theirs = (pause: number) => {
            const tagging = tag === undefined ? [] : ["--tagstring", tag];
            const commands = all.map((pieces) => command(pieces, pause));
            const line = [flags[mode], "-j1", "--joblog", "log", ...tagging, ":::", ...commands];
            const { stdout } = spawnSync(
              "sh",
              ["-c", 'parallel --will-cite "$@" 2>&1', "sh", ...line],
              { cwd: folder, encoding: "latin1" },
            );
            const rows = joblogRows(path.join(folder, "log")).slice(1, -1);
            return { stdout, received: rows.map((row) => Number(row.split("\t")[5])) };
          };
          if (pauses.some((pause) => isDeepStrictEqual(theirs(pause), ours))) return;
          expect(ours).toEqual(theirs(longestPause));
        });
      });
    });
  },
);

describe("the order", () => {
  test("is that in which jobs end", async () => {
    const { printer, shown, write } = printerOf({});
    const [one, two] = [printer.begin(), printer.begin()];
    void write(one, "one\n");
    void write(two, "two\n");
    void write(one, "error\n", "stderr");
    void write(one, "more\n");
    await two.end();
    expect(shown.both).toBe("two\n");
    await one.end();
    expect(shown.both).toBe("two\none\nmore\n{error\n}");
  });

  test("is that in which they begin with keepOrder, and jobs that ended wait", async () => {
    const { printer, shown, write } = printerOf({ keepOrder: true });
    const outputs = [printer.begin(), printer.begin(), printer.begin()];
    outputs.forEach((output, i) => void write(output, `${i}\n`));
    const ended: number[] = [];
    const ends = [2, 1].map((i) => outputs[i]!.end(() => ended.push(i)));
    expect(shown.stdout).toBe("");
    await outputs[0]!.end(() => ended.push(0));
    await Promise.all(ends);
    expect(shown.stdout).toBe("0\n1\n2\n");
    expect(ended).toEqual([0, 1, 2]);
  });

  test("lets the first job print line by line with keepOrder", async () => {
    const { printer, shown, write } = printerOf({ mode: "line", keepOrder: true });
    const [one, two] = [printer.begin({ tag: "1" }), printer.begin({ tag: "2" })];
    void write(one, "a\nb");
    void write(two, "x\n", "stderr");
    void write(two, "y\nz");
    expect(shown.both).toBe("1\ta\n");
    await one.end();
    expect(shown.both).toBe("1\ta\n1\tb2\ty\n{2\tx\n}");
    void write(two, "z\n");
    expect(shown.stdout).toBe("1\ta\n1\tb2\ty\n2\tzz\n");
    await two.end();
  });

  test("is that of the bytes without any grouping, whatever keepOrder says", async () => {
    const { printer, shown, write } = printerOf({ mode: "none", keepOrder: true });
    const [one, two] = [printer.begin({ tag: "1" }), printer.begin({ tag: "2" })];
    void write(two, "a");
    void write(one, "b");
    await two.end();
    await one.end();
    expect(shown.stdout).toBe("ab");
  });

  test("never mixes whole lines of jobs", async () => {
    const { printer, shown, write } = printerOf({ mode: "line" });
    const [one, two] = [printer.begin(), printer.begin()];
    for (const text of ["a", "b", "\nc", "\n"]) {
      void write(one, text);
      void write(two, text);
    }
    await one.end();
    await two.end();
    expect(shown.stdout).toBe("ab\nab\nc\nc\n");
  });

  test("has what is done after a job between its output and the next", async () => {
    const { printer, shown, write } = printerOf({});
    for (const name of ["a", "b"]) {
      const output = printer.begin();
      void write(output, `${name}\n`);
      void output.end(() => (shown.stdout += `after ${name}\n`));
    }
    await printer.close();
    expect(shown.stdout).toBe("a\nafter a\nb\nafter b\n");
  });
});

describe("a job that begins again", () => {
  test("prints nothing of the attempt before", async () => {
    const { printer, shown, write } = printerOf({});
    const output = printer.begin();
    void write(output, "first\n");
    output.startAgain();
    void write(output, "second\n");
    await output.end();
    expect(shown.stdout).toBe("second\n");
    expect(output.receivedBytes).toBe(7);
  });

  test("has printed whole lines already, line by line", async () => {
    const { printer, shown, write } = printerOf({ mode: "line" });
    const output = printer.begin();
    void write(output, "first\npart");
    output.startAgain();
    void write(output, "second\n");
    await output.end();
    expect(shown.stdout).toBe("first\nsecond\n");
  });
});

describe("output that waits", () => {
  test("goes to files when memory is short, and comes back as it was", async () => {
    await inFolder(async (folder) => {
      vi.stubEnv("TMPDIR", folder);
      const room = new SpoolRoom(1000);
      const { printer, shown, write } = printerOf({ room });
      const outputs = [printer.begin(), printer.begin()];
      const expected = ["", ""];
      for (let i = 0; i < 500; i++) {
        outputs.forEach((output, job) => {
          const text = `${job} line ${i}\n`;
          expected[job] += text;
          void write(output, text);
          void write(output, "!", "stderr");
        });
      }
      expect(room.freeBytes).toBeLessThanOrEqual(1000);
      expect(readdirSync(folder)).toHaveLength(1);
      await outputs[1]!.end();
      await outputs[0]!.end();
      expect(shown.stdout).toBe(expected[1]! + expected[0]!);
      expect(room.freeBytes).toBe(1000);
      await printer.close();
      expect(readdirSync(folder)).toEqual([]);
      vi.unstubAllEnvs();
    });
  });

  test("does not mix with another job's while it is read back", async () => {
    const { printer, shown, write } = printerOf({
      mode: "line",
      keepOrder: true,
      room: new SpoolRoom(10),
    });
    const [one, two, three] = [printer.begin(), printer.begin(), printer.begin()];
    const text = "0123456789\n".repeat(50_000);
    void write(two, text);
    void write(three, "three\n");
    void one.end();
    void write(two, "last\n");
    await Promise.all([two.end(), three.end()]);
    expect(shown.stdout).toBe(`${text}last\nthree\n`);
    await printer.close();
  });

  test("is dropped at the end when a job before it has not ended", async () => {
    const { printer, shown, write } = printerOf({ keepOrder: true, room: new SpoolRoom(0) });
    printer.begin();
    const output = printer.begin();
    void write(output, "waits\n");
    let printed = false;
    const end = output.end(() => (printed = true));
    await printer.close();
    await end;
    expect(shown.stdout).toBe("");
    expect(printed).toBe(false);
  });
});

describe("a reader", () => {
  test("that is slow makes jobs wait", async () => {
    let read: (() => void) | undefined;
    const stdout: Sink = { write: () => new Promise<void>((resolve) => (read = resolve)) };
    const { printer, write } = printerOf({ mode: "line", stdout });
    const output = printer.begin();
    let waits = true;
    const wait = write(output, "line\n") as Promise<void>;
    void wait.then(() => (waits = false));
    await Promise.resolve();
    expect(waits).toBe(true);
    read!();
    await wait;
  });

  test("that is gone ends the printing, and is told once", async () => {
    const stdout: Sink = {
      write: () => {
        throw new Error("EPIPE");
      },
    };
    const errors: string[] = [];
    const { printer, write } = printerOf({
      stdout,
      onError: ({ message }) => errors.push(message),
    });
    for (let i = 0; i < 2; i++) {
      const output = printer.begin();
      void write(output, "line\n");
      await output.end(() => errors.push("printed"));
    }
    expect(errors).toEqual(["EPIPE"]);
    await expect(printer.close()).rejects.toThrow("EPIPE");
  });
});
