// Bars on the standard error of a terminal. Loaded only when there is one to be shown: it needs Node.

import { MultiBar, Presets, type SingleBar } from "cli-progress";
import { HeldOutput } from "./held-output.ts";
import type { Count, Display } from "./progress.ts";

/** Characters of a function's name that are shown. */
const longestName = 24;
const framesPerSecond = 10;
const clearBelow = "\x1b[J";

/** One for all that is shown at a time, for two would write over each other's lines. */
let shared: Bars | undefined;

/** Bars under a label, one for each name. */
export function terminalBars(label: string | undefined): Display {
  const bars = (shared ??= new Bars());
  bars.users++;
  const byName = new Map<string, SingleBar>();
  return {
    show: (name, { total, done, failed, cancelled }: Count) => {
      const ended = Object.entries({ failed, cancelled }).filter(([, count]) => count > 0);
      const words = {
        name: titleOf(label, name),
        ended: ended.map(([how, count]) => `, ${count} ${how}`).join(""),
      };
      const bar = byName.get(name);
      if (bar) bar.update(done, words);
      else byName.set(name, bars.create(total, done, words));
    },
    end: () => {
      for (const bar of byName.values()) bar.stop();
      bars.users--;
      if (bars.users > 0) return;
      bars.stop();
      if (shared === bars) shared = undefined;
    },
  };
}

/** The bars, with what the program itself writes to the terminal above them. */
class Bars {
  users = 0;
  readonly #bars: MultiBar;
  readonly #outputs: readonly HeldOutput[];
  readonly #stop = () => this.stop();

  constructor() {
    const writeLines = (lines: string) => {
      this.#bars.log(lines);
      this.#bars.update();
    };
    const terminal = new HeldOutput(process.stderr, writeLines);
    const others = process.stdout.isTTY ? [new HeldOutput(process.stdout, writeLines)] : [];
    this.#outputs = [terminal, ...others];
    this.#bars = createBars(terminal);
    this.#bars.on("redraw-pre", () => void terminal.write(clearBelow));
    // Without this the beginning of a line would be lost.
    process.once("exit", this.#stop);
  }

  create(total: number, done: number, words: object): SingleBar {
    return this.#bars.create(total, done, words);
  }

  /** Writes the last state, and lets the program write by itself again. */
  stop(): void {
    process.removeListener("exit", this.#stop);
    this.#bars.stop();
    for (const output of this.#outputs) output.release();
  }
}

function createBars(stream: HeldOutput): MultiBar {
  return new MultiBar(
    {
      format: "{name} {bar} {percentage}% | {value}/{total}{ended} | {duration_formatted}",
      stream: stream as unknown as NodeJS.WritableStream,
      fps: framesPerSecond,
      barsize: 30,
      // Or whoever ends the program with a Ctrl-C would be left without one.
      hideCursor: false,
      // And so it is with the wrapping of long lines, which the bars would switch off.
      linewrap: true,
      // Everything below the program's output is cleared and drawn again.
      forceRedraw: true,
      clearOnComplete: false,
      stopOnComplete: false,
      gracefulExit: false,
      emptyOnZero: true,
    },
    Presets.shades_classic,
  );
}

function titleOf(label: string | undefined, name: string): string {
  const text = label === undefined ? name : `${label}: ${name}`;
  // Names and labels must not move the cursor.
  const plain = text.replaceAll(/\p{Cc}/gu, "\ufffd");
  const short = plain.length > longestName ? `${plain.slice(0, longestName - 1)}…` : plain;
  return short.padEnd(longestName);
}
