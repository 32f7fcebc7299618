// Bars on the standard error of a terminal. Loaded only when there is one to be shown: it needs Node.

import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Count, Display } from "./progress.ts";

/** Characters of a function's name that are shown. */
const longestName = 24;
const framesPerSecond = 10;

/** One for all that is shown at a time, for two would write over each other's lines. */
let shared: { readonly bars: MultiBar; users: number } | undefined;

/** Bars under a label, one for each name. */
export function terminalBars(label: string | undefined): Display {
  shared ??= { bars: createBars(), users: 0 };
  const ours = shared;
  ours.users++;
  const byName = new Map<string, SingleBar>();
  return {
    show: (name, { total, done, failed }: Count) => {
      const words = { name: titleOf(label, name), failed: failed > 0 ? `  ${failed} failed` : "" };
      const bar = byName.get(name);
      if (bar) bar.update(done, words);
      else byName.set(name, ours.bars.create(total, done, words));
    },
    end: () => {
      for (const bar of byName.values()) bar.stop();
      ours.users--;
      if (ours.users > 0) return;
      // Writes the last state out.
      ours.bars.stop();
      if (shared === ours) shared = undefined;
    },
  };
}

function createBars(): MultiBar {
  return new MultiBar(
    {
      format: "{name} {bar} {percentage}% | {value}/{total}{failed} | {duration_formatted}",
      stream: process.stderr,
      fps: framesPerSecond,
      barsize: 30,
      // Or whoever ends the program with a Ctrl-C would be left without one.
      hideCursor: false,
      // And so it is with the wrapping of long lines, which the bars would switch off.
      linewrap: true,
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
