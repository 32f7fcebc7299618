// Words and a job make a command. The words are compiled once; a job is rendered by walking over
// texts and replacements. The spaces between words and those between repeated values are the
// places where words of the command end; with -q each such word is quoted.

import type { Rendering } from "./expression.ts";
import type { Job, Row } from "../jobs/job.ts";
import { shellQuote } from "./quote.ts";
import {
  everyValue,
  parseWords,
  type Piece,
  type Replacement,
  type ReplacementSettings,
} from "./replacements.ts";

export type TemplateSettings = ReplacementSettings & {
  /** Quotes every word of the command, not only the values (`-q`). */
  readonly quoteWords: boolean;
  /** Quotes the values; false with `--cat` and `--fifo`, whose value is a variable of the shell. */
  readonly quoteValues: boolean;
  /** Ends words without a replacement string by ` {}`; false with `--pipe`, and for `--tagstring`. */
  readonly appendValues: boolean;
  /** Repeats the whole word around a replacement for each value (`-X`, `-N`, `-L`). */
  readonly repeatContext: boolean;
  /** Values count and are not used (`-N0`). */
  readonly withoutValues: boolean;
  /** How often the command is quoted once more, `--shellquote`. Only its length depends on it here. */
  readonly shellQuotings: number;
};

/** The settings of a command line without options. */
export const plainSettings: TemplateSettings = {
  parens: "{==}",
  plus: false,
  rpl: [],
  renamed: {},
  headers: [],
  quoteWords: false,
  quoteValues: true,
  appendValues: true,
  repeatContext: false,
  withoutValues: false,
  shellQuotings: 0,
  totalJobs: () => 0,
  slots: 1,
};

export type Template = {
  /** Whether the number of all jobs must be known before the first one is rendered. */
  readonly needsTotal: boolean;
  /** The command of a job, quoted for a shell. */
  render: (job: Job) => Rendered<string>;
  /** The words with the values as they are, for names and tags. */
  renderPlain: (job: Job) => string;
  /** The same, each word apart, for the arguments of a function. */
  renderWords: (job: Job) => Rendered<string[]>;
  /** Measures the command of a job while rows are added to it, as `-m`, `-X` and `-s` need. */
  measure: (seq: number, slot: number) => (row: Row) => number;
};

/** What a job became; `skipped` when one of its expressions called `skip()`. */
export type Rendered<Text> = { readonly text: Text; readonly skipped: boolean };

/** Compiles words. A command of no words is the values themselves. */
export function compileTemplate(words: readonly string[], settings: TemplateSettings): Template {
  const parsed = parseWords(words, settings);
  const replaces = parsed.some((pieces) => pieces.some(isReplacement));
  if (settings.appendValues && !replaces) parsed.push([everyValue]);
  const runs = settings.repeatContext ? contextRuns(parsed) : pieceRuns(parsed);
  const { quoteWords, withoutValues } = settings;
  const quoteValues = settings.quoteValues && !quoteWords && !startsWithValue(parsed);

  const renderWords = (job: Job) => {
    const rendering = begin(job, withoutValues);
    const text = expand(runs, rendering, false).map((word) => word ?? "");
    return { text, skipped: rendering.skipped };
  };
  return {
    needsTotal: parsed.flat().some((piece) => isReplacement(piece) && piece.needsTotal),
    render: (job) => {
      const rendering = begin(job, withoutValues);
      const expanded = expand(runs, rendering, quoteValues);
      const text = quoteWords
        ? expanded.filter((word) => word !== undefined).map(shellQuote)
        : expanded;
      return { text: text.join(" "), skipped: rendering.skipped };
    },
    renderPlain: (job) => renderWords(job).text.join(" "),
    renderWords,
    measure: (seq, slot) => measure(parsed, settings, quoteValues, seq, slot),
  };
}

/** Stands for a value that is not used. No value contains NUL. */
const noValue = "\0";

/** Pieces that are repeated together for each value, or the space that ends a word. */
type Run = { readonly pieces: readonly Piece[]; readonly repeats: boolean } | typeof space;
const space = " ";

function begin(job: Job, withoutValues: boolean): Rendering {
  const { rows } = job;
  const values = rows.length === 1 ? rows[0]! : rows.flat();
  return {
    job,
    values: withoutValues ? values.map(() => noValue) : values,
    skipped: false,
    unquoted: false,
  };
}

/** Each replacement is repeated by itself: `a{}b` becomes `a1 2b`. */
function pieceRuns(words: readonly Piece[][]): Run[] {
  return words.flatMap((word, index): Run[] => [
    ...(index > 0 ? [space as typeof space] : []),
    ...(word.length > 0 ? word : [""]).map((piece) => run([piece])),
  ]);
}

/**
 * What surrounds a replacement up to the next space is repeated with it: `a{}b` becomes `a1b a2b`.
 * A space inside a word ends what is repeated, but not the word. So does a tab, which belongs to
 * what follows it.
 */
function contextRuns(words: readonly Piece[][]): Run[] {
  return words.flatMap((word, index) => {
    const runs: Run[] = index > 0 ? [space] : [];
    let context: Piece[] = [];
    const endContext = () => {
      if (context.length > 0) runs.push(run(context));
      context = [];
    };
    for (const token of word.length > 0 ? word.flatMap(tokens) : [""]) {
      if (token === " " || token === "\t") endContext();
      if (token === " ") runs.push(run([" "]));
      else context.push(token);
    }
    endContext();
    return runs;
  });
}

function run(pieces: readonly Piece[]): Run {
  return { pieces, repeats: pieces.some((piece) => isReplacement(piece) && piece.position === 0) };
}

/** Splits a text at every white space, which stays as a token of its own. */
function tokens(piece: Piece): Piece[] {
  return isReplacement(piece) ? [piece] : piece.split(/(?=[ \t\n\r\f\v])|(?<=[ \t\n\r\f\v])/);
}

/** Makes the words of a command; a word of unused values alone is undefined. */
function expand(
  runs: readonly Run[],
  rendering: Rendering,
  quoteValues: boolean,
): (string | undefined)[] {
  const values = rendering.values.length > 0 ? rendering.values : [""];
  const words: (string | undefined)[] = [];
  let word: string | undefined;
  for (const run of runs) {
    if (run === space) {
      words.push(word);
      word = undefined;
      continue;
    }
    const times = run.repeats ? values.length : 1;
    for (let index = 0; index < times; index++) {
      if (index > 0) {
        words.push(word);
        word = undefined;
      }
      for (const piece of run.pieces) {
        const text =
          typeof piece === "string"
            ? piece
            : replaced(piece, placeOf(piece, index, values.length), values, rendering, quoteValues);
        if (text !== noValue) word = word === undefined ? text : word + text;
      }
    }
  }
  words.push(word);
  return words;
}

function replaced(
  { replace }: Replacement,
  at: number,
  values: readonly string[],
  rendering: Rendering,
  quoteValues: boolean,
): string {
  const value = values[at];
  if (value === undefined) return "";
  rendering.unquoted = false;
  const text = replace(value, rendering, at);
  return quoteValues && !rendering.unquoted && text !== noValue ? shellQuote(text) : text;
}

/** The index of a value. Before the first one, positions from the end go around once more. */
function placeOf({ position }: Replacement, current: number, count: number): number {
  if (position === 0) return current;
  if (position > 0) return position - 1;
  const index = count + position;
  return index < 0 ? index + count : index;
}

/**
 * Whether values are the command itself, or a part of its first word. They are not quoted then, so
 * that they may be whole command lines. `NAME={}` is an assignment, and its value is quoted.
 */
function startsWithValue([first = []]: readonly Piece[][]): boolean {
  const at = first.findIndex(isReplacement);
  return at !== -1 && first.slice(0, at).every((text) => !/[ \t\n=]/.test(text as string));
}

function isReplacement(piece: Piece): piece is Replacement {
  return typeof piece !== "string";
}

/** The length of a command in bytes, by the sums with which GNU Parallel decides what still fits. */
function measure(
  words: readonly Piece[][],
  settings: TemplateSettings,
  quoteValues: boolean,
  seq: number,
  slot: number,
): (row: Row) => number {
  const { repeatContext, quoteWords, shellQuotings, withoutValues } = settings;
  const replacements = words.flat().filter(isReplacement);
  const { context, contexts, rest } = textLengths(words);
  const factor = (quoteWords ? 3 : 1) * (shellQuotings > 0 ? 5 * 3 ** shellQuotings : 1);
  const rows: Row[] = [];
  const values: string[] = [];
  const rendering = { ...begin({ seq, slot, rows }, false), values };
  let replacedBytes = 0;
  return (row) => {
    rows.push(row);
    const start = values.length;
    for (const value of row) values.push(withoutValues ? noValue : value);
    for (const replacement of replacements) {
      const { position } = replacement;
      // A position counts within each row here, and not within all values.
      const places =
        position === 0 ? row.keys() : [position > 0 ? position - 1 : row.length + position];
      for (const place of places) {
        if (row[place] === undefined) continue;
        const text = replaced(replacement, start + place, values, rendering, quoteValues);
        replacedBytes += Buffer.byteLength(text);
      }
    }
    const count = rows.length * rows[0]!.length;
    const length = repeatContext
      ? count * context + (count - 1) * contexts
      : context + (count - 1) * replacements.length;
    return (rest + words.length - 1 + length + replacedBytes) * factor;
  };
}

/** The bytes of the texts that touch replacements, how many such texts there are, and of all else. */
function textLengths(words: readonly Piece[][]) {
  let context = 0;
  let contexts = 0;
  let rest = 0;
  for (const word of words) {
    const marked = word.map((piece) => (isReplacement(piece) ? noValue : piece)).join("");
    const outside = marked.replace(/[^ \t\n\r\f\v]*\0[^ \t\n\r\f\v]*/g, (touching) => {
      context += Buffer.byteLength(touching.replaceAll(noValue, ""));
      contexts++;
      return "";
    });
    rest += Buffer.byteLength(outside);
  }
  return { context, contexts, rest };
}
