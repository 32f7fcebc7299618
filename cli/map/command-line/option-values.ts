// The values of the options of `thence map`, in the notation of GNU Parallel.

import { existsSync, readFileSync } from "node:fs";
import { UsageError } from "../../exit-code.ts";

/** How many jobs run at once, as a number or as a share of the cores. */
type SlotNumber = { count: number } | { moreThanCores: number } | { percentOfCores: number };

/** A file is read again when jobs end. */
export type Slots = SlotNumber | { file: string };

/** A limit on the time of a job: fixed, or a share of the median of the jobs so far. */
export type JobTimeout = { ms: number } | { percentOfMedian: number };

/** When to start no more jobs (`soon`), or also to kill those that run (`now`). */
export type Halt =
  | { when: "never" }
  | { when: HaltTime; on: HaltCause; count: number }
  | { when: HaltTime; on: HaltCause; percent: number };
export type HaltTime = "soon" | "now";
export type HaltCause = "fail" | "success" | "done";

/** Where results go: a folder of folders, or one file. */
export type ResultsFormat = "folder" | "csv" | "tsv" | "json";

/** Reads `4`, `+1`, `-1`, `50%`, `0` for no limit, or the name of a file with one of these. */
export function readSlots(text: string): Slots {
  return slotNumber(text) ?? (existsSync(text) ? { file: text } : refuse(notSlots(text)));
}

function slotNumber(text: string): SlotNumber | undefined {
  const match = /^(?:([+-]?)(\d+)|(\d+(?:\.\d+)?)%)$/.exec(text);
  if (!match) return undefined;
  const [, sign, digits, percent] = match;
  if (percent !== undefined) return { percentOfCores: Number(percent) };
  if (sign) return { moreThanCores: Number(sign + digits) };
  return { count: Number(digits) || Infinity };
}

function slotsIn(file: string): SlotNumber {
  const text = readFileSync(file, "utf8").trim();
  return slotNumber(text) ?? refuse(`${notSlots(text)} in ${file}`);
}

function notSlots(text: string): string {
  return `expected a number of jobs, like 4, +1, -1, 50% or 0, or a file, and got "${text}"`;
}

/**
 * The number of slots on a machine.
 *
 * @throws {UsageError} when it is less than one
 */
export function slotsOn(cores: number, slots: Slots): number {
  let count: number;
  if ("count" in slots) count = slots.count;
  else if ("file" in slots) return slotsOn(cores, slotsIn(slots.file));
  else if ("moreThanCores" in slots) count = cores + slots.moreThanCores;
  else count = Math.ceil((cores * slots.percentOfCores) / 100);
  return count >= 1 ? count : refuse(`no job can run: --jobs leaves ${count} of ${cores} cores`);
}

const secondsOf: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };

/** Reads `10`, which is seconds, `1.5`, `2m`, `1h30m` or `500ms` as milliseconds. */
export function readTimeMs(text: string): number {
  if (/^\d*\.?\d+$/.test(text)) return Number(text) * 1000;
  let ms = 0;
  let end = 0;
  for (const [part, amount, unit] of text.matchAll(/(\d*\.?\d+)(ms|[dhms])/giy)) {
    const factor = secondsOf[unit!.toLowerCase()];
    ms += Number(amount) * (factor === undefined ? 1 : factor * 1000);
    end += part.length;
  }
  if (end > 0 && end === text.length) return ms;
  return refuse(`expected seconds, or a time like 500ms, 10s, 5m or 1h30m, and got "${text}"`);
}

/** Reads a time, or `200%` of the median time of a job. */
export function readTimeout(text: string): JobTimeout {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  return percent === undefined ? { ms: readTimeMs(text) } : { percentOfMedian: Number(percent) };
}

/** Reads a time between starts; the suffix `auto` adapts it. */
export function readDelay(text: string): { ms: number; auto: boolean } {
  const auto = text.endsWith("auto");
  const time = auto ? text.slice(0, -"auto".length) : text;
  return { ms: time === "" && auto ? 0 : readTimeMs(time), auto };
}

/** Reads a number of runs, 0 for no limit, or text with a replacement string for each job. */
export function readRetries(text: string): number | string {
  if (/^\d+$/.test(text)) return Number(text) || Infinity;
  return text.includes("{") ? text : refuse(`expected a whole number, and got "${text}"`);
}

const powers = "kmgtpezy";

/** Reads a number with an optional unit: `k` is 1000, `K` and `Ki` are 1024, `M` is 1024². */
export function readNumber(text: string): number {
  const [, amount, unit = "", binary] = /^(\d*\.?\d+)(?:([kmgtpezy])(i?))?$/i.exec(text) ?? [];
  if (amount === undefined) {
    return refuse(`expected a number, like 3, 10k (10,000) or 10K (10,240), and got "${text}"`);
  }
  const power = powers.indexOf(unit.toLowerCase()) + 1;
  const base = binary || unit !== unit.toLowerCase() ? 1024 : 1000;
  return Number(amount) * (unit === "" ? 1 : base ** power);
}

/** Reads a whole number of at least `least`, with an optional unit. */
export function readWhole(text: string, least: number): number {
  const value = readNumber(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  return refuse(`expected a whole number of at least ${least}, and got "${text}"`);
}

const shortHalts: Readonly<Record<string, string>> = {
  "0": "never",
  "1": "soon,fail=1",
  "2": "now,fail=1",
  "-1": "soon,success=1",
  "-2": "now,success=1",
};

/** Reads `never`, `soon,fail=1`, `now,success=10%`, `soon,done=3`, `10%`, or one of -2 to 2. */
export function readHalt(text: string): Halt {
  const long = shortHalts[text] ?? text.replace(/^\d+%$/, "soon,fail=$&");
  const [when, on, amount = "", ...more] = long.split(/[,=]/);
  if (when === "never") return { when };
  if (
    more.length > 0 ||
    (when !== "soon" && when !== "now") ||
    (on !== "fail" && on !== "success" && on !== "done") ||
    !/^\d+%?$/.test(amount)
  ) {
    return refuse(`expected never, soon,fail=1, now,success=10% or soon,done=3, and got "${text}"`);
  }
  const number = parseInt(amount, 10);
  return amount.endsWith("%") ? { when, on, percent: number } : { when, on, count: number };
}

/** Replaces `\t`, `\n`, `\r`, and `\0` or `\012`, which are octal, by their characters. */
export function unescaped(text: string): string {
  const short: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r" };
  return text.replaceAll(
    /\\(?:([tnr])|([0-7]{3}|[0-7]))/g,
    (_, letter: string | undefined, octal: string | undefined) =>
      letter === undefined ? String.fromCharCode(parseInt(octal!, 8)) : short[letter]!,
  );
}

/** The escapes of `--recstart` and `--recend`. */
export function unescapedSeparator(text: string): string {
  const characters: Readonly<Record<string, string>> = { "0": "\0", r: "\r", n: "\n", t: "\t" };
  return text.replaceAll(/\\([0rnt'"\\])/g, (_, name: string) => characters[name] ?? name);
}

export function resultsFormat(path: string): ResultsFormat {
  const [, ending] = /\.(csv|tsv|json)$/i.exec(path) ?? [];
  return (ending?.toLowerCase() as ResultsFormat | undefined) ?? "folder";
}

function refuse(message: string): never {
  throw new UsageError(message);
}
