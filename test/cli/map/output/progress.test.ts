// Bars and numbers on standard error, and the output of jobs beside them, on terminals of any width.

import type { WriteStream } from "node:tty";
import { describe, expect, test } from "vitest";
import { Progress, type ProgressOptions } from "../../../../cli/map/output/progress.ts";

/** A terminal that knows what the status line uses: rows that wrap, and one cursor. */
class Screen {
  readonly rows: string[][] = [[]];
  readonly columns: number;
  /** All that was written. */
  written = "";
  #row = 0;
  #column = 0;
  #wraps = true;

  constructor(columns: number) {
    this.columns = columns;
  }

  get stream(): WriteStream {
    const write = (text: string | Uint8Array) => {
      this.#print(typeof text === "string" ? text : Buffer.from(text).toString());
      return true;
    };
    return { isTTY: true, columns: this.columns, write } as unknown as WriteStream;
  }

  get text(): string[] {
    return this.rows.map((row) =>
      Array.from(row, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
  }

  #print(text: string): void {
    this.written += text;
    // eslint-disable-next-line no-control-regex
    for (const token of text.match(/\x1b\[[?\d]*[a-zA-Z]|[^]/gu) ?? []) this.#put(token);
  }

  #put(token: string): void {
    if (token === "\r") this.#column = 0;
    else if (token === "\n") this.#nextRow();
    else if (token === "\x1b[K") this.rows[this.#row]!.length = this.#column;
    else if (token === "\x1b[?7l" || token === "\x1b[?7h") this.#wraps = token.endsWith("h");
    else if (!token.startsWith("\x1b")) this.#putCharacter(token);
  }

  #putCharacter(character: string): void {
    if (this.#column >= this.columns) {
      if (this.#wraps) this.#nextRow();
      else this.#column = this.columns - 1;
    }
    this.rows[this.#row]![this.#column++] = character;
  }

  #nextRow(): void {
    this.#row++;
    this.#column = 0;
    this.rows[this.#row] ??= [];
  }
}

function progress(options: Partial<ProgressOptions>, stderr: WriteStream, stdout = stderr) {
  const time = { ms: 0 };
  const shown = new Progress({
    bar: false,
    eta: false,
    slots: 2,
    total: () => 4,
    terminal: { stdout, stderr },
    clock: () => time.ms,
    ...options,
  });
  return { shown, time };
}

describe.each([
  ["a bar", { bar: true }],
  ["the time left", { eta: true }],
  ["numbers", {}],
])("%s", (_, options) => {
  test.each([1, 2, 5, 20, 80, 300])(
    "leaves output whole on a terminal of %i columns",
    (columns) => {
      const screen = new Screen(columns);
      const expected = new Screen(columns);
      const [stdout, stderr] = [screen.stream, screen.stream];
      const { shown, time } = progress(options, stderr, stdout);
      // What explains the numbers comes first.
      expected.stream.write(screen.written);
      const lines = ["short", "", "x".repeat(100), "wide \u6f22\u5b57", "last"];
      for (const [i, line] of lines.entries()) {
        shown.jobStarted(`input ${i} \u6f22\u5b57 \x1b[2J\n ${"y".repeat(50)}`);
        shown.draw();
        // Lines may come in parts, and on either stream.
        (i % 2 ? stdout : stderr).write(line.slice(0, 3));
        shown.draw();
        (i % 2 ? stdout : stderr).write(`${line.slice(3)}\n`);
        expected.stream.write(`${line}\n`);
        time.ms += 700;
        shown.jobEnded();
        shown.draw();
      }
      shown.close();
      stdout.write("after\n");
      // The last state stays, on one row.
      const output = expected.text.slice(0, -1);
      expect(screen.text.slice(0, output.length)).toEqual(output);
      const after = new Screen(columns);
      after.stream.write("after\n");
      expect(screen.text.slice(output.length + 1)).toEqual(after.text);
    },
  );
});

/** A standard error that is a file. */
function file() {
  const written = { text: "" };
  const write = (text: string) => {
    written.text += text;
    return true;
  };
  return { written, stream: { write } as unknown as WriteStream };
}

test("a bar shows what is done, what is left and the newest input", () => {
  const screen = new Screen(40);
  const { shown, time } = progress({ bar: true }, screen.stream);
  shown.jobStarted("a");
  shown.draw();
  expect(screen.text).toEqual(["0% 0:4=? a"]);
  time.ms = 30_000;
  shown.jobEnded();
  shown.jobStarted("b");
  shown.draw();
  expect(screen.text).toEqual(["25% 1:3=1m30s b"]);
  shown.close();
});

test("the time left and the numbers say how it goes on", () => {
  const { written, stream } = file();
  const { shown, time } = progress({ eta: true }, stream);
  for (const job of ["a", "b", "c"]) shown.jobStarted(job);
  time.ms = 5000;
  shown.jobEnded();
  shown.jobEnded();
  shown.draw();
  expect(written.text.split("\n").at(-2)).toBe("ETA: 5s Left: 2 AVG: 2.50s  1/2/66%/2.5s");
  shown.close();
});

test("a bar without a terminal is what zenity reads", () => {
  const { written, stream } = file();
  const { shown, time } = progress({ bar: true }, stream);
  shown.jobStarted("a\nb");
  time.ms = 2000;
  shown.jobEnded();
  shown.close();
  expect(written.text).toBe("# 6 sec a b\n25\n");
});

test("the number of jobs may not be known yet", () => {
  const screen = new Screen(40);
  const { shown } = progress({ bar: true, total: () => undefined }, screen.stream);
  shown.jobStarted("a");
  shown.jobEnded();
  shown.draw();
  expect(screen.text).toEqual(["0% 1:?=? a"]);
  shown.close();
});
