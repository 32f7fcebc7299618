// The options of `thence map`: one table of their names and help, and what they mean together.

import { UsageError } from "../../exit-code.ts";
import { longestTimerMs, parseDuration } from "../../../src/duration.ts";
import type { BatchRules } from "../inputs/batches.ts";
import { trims, type Columns, type Trim } from "../inputs/columns.ts";
import {
  readDelay,
  readHalt,
  readRetries,
  readSlots,
  readTimeout,
  readWhole,
  resultsFormat,
  unescaped,
  unescapedSeparator,
  type Halt,
  type JobTimeout,
  type ResultsFormat,
  type Slots,
} from "./option-values.ts";
import type { InputRules } from "../inputs/sources.ts";

export type OptionEntry = {
  /** All names, the preferred one first; those of one character follow a single dash. */
  names: string;
  /** The value in the help, as `<n>`, or `[n]` when it may be left out. */
  takes?: string;
  /** A value that may be left out is the next word only if that matches. */
  optional?: RegExp;
  default?: string;
  help: string;
};

/** The option's name with its dashes: one for a single character. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** A word that may follow an option whose value may be left out. */
const word = /^(?!-.)/;
const number = /^[+-]?\d*\.?\d+$/;

// prettier-ignore
const table = {
  // Work
  modules: { names: "module", takes: "<[name=]module>", help: "call functions of this file or package; the first word names the function (repeatable)" },
  function: { names: "function", takes: "<name>", help: "call this function, of a module or of the workers that are there" },
  strings: { names: "string", help: "pass every argument as a string, even if it is JSON" },
  json: { names: "json", help: "print results as JSON" },

  // Inputs
  files: { names: "arg-file|argfile|a", takes: "<file>", help: "read inputs from this file, - for standard input (repeatable)" },
  argSep: { names: "arg-sep|argsep", takes: "<text>", default: ":::", help: "what comes before values" },
  argFileSep: { names: "arg-file-sep|argfilesep", takes: "<text>", default: "::::", help: "what comes before files" },
  link: { names: "link|xapply", help: "link the sources one to one; shorter ones begin again" },
  delimiter: { names: "delimiter|d", takes: "<text>", help: "end of an input, with \\t \\n \\r \\0; default: newline" },
  null: { names: "null|0", help: "inputs end with NUL" },
  eof: { names: "E", takes: "<text>", help: "this input ends its source" },
  eofOptional: { names: "eof|e", takes: "[text]", optional: word, help: "the same" },
  skipBlank: { names: "no-run-if-empty|norunifempty|r", help: "skip inputs that are empty or white space" },
  trim: { names: "trim", takes: "<n|l|r|lr>", help: "remove white space on the left, on the right, or on both sides; lr with --colsep" },
  colsep: { names: "colsep|col-sep|C", takes: "<regexp>", help: "split inputs into columns at this regular expression" },
  csv: { names: "csv", help: "split inputs as CSV, at commas or at the text of --colsep" },
  header: { names: "header", takes: "<:>", help: "the first input of each source names its columns, which are then {name}" },
  shuffle: { names: "shuf", help: "run the jobs in a random order" },
  filters: { names: "filter", takes: "<expression>", help: "run only the jobs for which this is true (repeatable)" },

  // Jobs from inputs
  maxReplaceArgs: { names: "max-replace-args|maxreplaceargs|N", takes: "<n>", help: "inputs per job, {1} {2} …; 0: none" },
  maxArgs: { names: "max-args|maxargs|n", takes: "<n>", help: "inputs per job" },
  lines: { names: "L", takes: "<n>", help: "inputs per job; one that ends with a space goes on with the next" },
  linesOptional: { names: "max-lines|maxlines|l", takes: "[n]", optional: number, help: "the same; default: 1" },
  manyContext: { names: "X", help: "as many inputs per job as fit, each in its own copy of the word" },
  many: { names: "m", help: "as many inputs per job as fit, spread over the slots" },
  xargs: { names: "xargs", help: "as many inputs per job as fit" },
  maxChars: { names: "max-chars|maxchars|s", takes: "<bytes>", help: "a command is shorter than this" },

  // Command
  replacement: { names: "I", takes: "<text>", help: "write this for {}" },
  replacementOptional: { names: "replace|i", takes: "[text]", optional: word, help: "the same; default: {}" },
  withoutExtension: { names: "extensionreplace|er|U", takes: "<text>", help: "write this for {.}" },
  basename: { names: "basenamereplace|bnr", takes: "<text>", help: "write this for {/}" },
  dirname: { names: "dirnamereplace|dnr", takes: "<text>", help: "write this for {//}" },
  basenameWithoutExtension: { names: "basenameextensionreplace|bner", takes: "<text>", help: "write this for {/.}" },
  seqNumber: { names: "seqreplace", takes: "<text>", help: "write this for {#}" },
  slotNumber: { names: "slotreplace", takes: "<text>", help: "write this for {%}" },
  parens: { names: "parens", takes: "<text>", default: "{==}", help: "write the halves of this for {= and =}" },
  plus: { names: "plus", help: "more replacement strings, such as {+/} {..} {%string} {##}" },
  definitions: { names: "rpl", takes: "<'string expression'>", help: "define a replacement string (repeatable)" },
  quote: { names: "quote|q", help: "quote the command itself, so that the shell takes it literally" },
  shellQuote: { names: "shellquote|shell-quote|shell_quote", help: "print the quoted command instead of running it (repeatable)" },

  // Running
  jobs: { names: "jobs|j|max-procs|maxprocs|P", takes: "<n>", default: "100%", help: "slots: 4, or of the cores +1, -1, 50%; 0: no limit; or a file with one of these" },
  delay: { names: "delay", takes: "<seconds>", help: "time between the starts of two jobs; the suffix auto adapts it" },
  timeout: { names: "timeout", takes: "<seconds>", help: "kill a job after this time: 10, 5m, or 200% of the median" },
  retries: { names: "retries", takes: "<n>", help: "run a failing job up to this often; 0: no limit" },
  halt: { names: "halt|halt-on-error|haltonerror", takes: "<when,why=n>", default: "never", help: "stop: never, soon,fail=1, now,success=10%, soon,done=3" },
  workingDirectory: { names: "wd|work-dir|workdir", takes: "<folder>", help: "run the jobs in this folder" },
  env: { names: "env", takes: "<name>", help: "hand this variable to the jobs (repeatable)" },
  dryRun: { names: "dry-run|dryrun|dr", help: "print the commands instead of running them" },

  // Output
  keepOrder: { names: "keep-order|keeporder|k", help: "print output in the order of the inputs" },
  noKeepOrder: { names: "no-keep-order|nokeeporder|nok|no-k", help: "undo --keep-order" },
  group: { names: "group", help: "print the output of a job when it ends (the default)" },
  ungroup: { names: "ungroup|u", help: "print output at once, even parts of lines" },
  lineBuffer: { names: "line-buffer|line-buffered|linebuffer|linebuffered|lb", help: "print output line by line" },
  tag: { names: "tag", help: "begin each line of output with the inputs of its job" },
  tagString: { names: "tagstring|tag-string", takes: "<text>", help: "begin each line with this; it may have replacement strings" },
  verbose: { names: "v", help: "print each command before its output (repeatable)" },
  trace: { names: "verbose|t", help: "print each command to standard error when it starts" },
  silent: { names: "silent", help: "undo -v" },
  results: { names: "results|result|res", takes: "<path>", help: "save output in a folder, or in a file.csv, .tsv or .json" },
  joblog: { names: "joblog|jl", takes: "<file>", help: "log every job to this file; +file appends" },
  resume: { names: "resume", help: "skip the jobs in the job log or the results" },
  resumeFailed: { names: "resume-failed|resumefailed", help: "the same, but run failed jobs again" },
  retryFailed: { names: "retry-failed|retryfailed", help: "run only the failed jobs of the job log again" },
  bar: { names: "bar", help: "show a bar" },
  eta: { names: "eta", help: "show the time that is left" },
  progress: { names: "progress", help: "show how many jobs run and have ended" },

  // Standard input of jobs
  pipe: { names: "pipe|spreadstdin", help: "cut standard input into blocks of records, one for each job" },
  block: { names: "block|block-size|blocksize", takes: "<bytes>", default: "1M", help: "size of a block" },
  recordStart: { names: "recstart", takes: "<text>", help: "start of a record" },
  recordEnd: { names: "recend", takes: "<text>", help: "end of a record; default: newline" },
  regexp: { names: "regexp|regex", help: "read --recstart and --recend as regular expressions" },
  removeSeparators: { names: "remove-rec-sep|removerecsep|rrs", help: "remove the text that --recstart and --recend match" },
  cat: { names: "cat", help: "give the block to the job as a file, {}" },

  // Cluster
  address: { names: "address", takes: "<url>", help: "address of a scheduler; without one, a local cluster runs" },
  schedulerFile: { names: "scheduler-file", takes: "<file>", help: "file of a scheduler" },
  tokenFile: { names: "token-file", takes: "<file>", help: "file with the token" },
  connectTimeout: { names: "connect-timeout", takes: "<duration>", default: "30s", help: "how long to wait for the scheduler" },

  help: { names: "help|h", help: "print this help" },
  version: { names: "version|V", help: "print the version" },
  // Lines that people have often begin with these.
  ignored: { names: "gnu|will-cite|willcite|nn|nonotice|no-notice|plain", help: "nothing; for lines written for GNU Parallel" },
} as const satisfies Record<string, OptionEntry>;

export type OptionId = keyof typeof table;
export const optionTable: Readonly<Record<OptionId, OptionEntry>> = table;

/** The texts that each given option has, in order; a flag has an empty one each time it is given. */
export type GivenOptions = ReadonlyMap<OptionId, readonly string[]>;

export type MapOptions = {
  /** Functions are called rather than commands run. */
  work: {
    modules: readonly string[];
    function: string | undefined;
    strings: boolean;
    json: boolean;
  };
  inputs: InputRules;
  /** `spread`: the rows of the last job are spread over all slots. */
  batches: Omit<BatchRules, "spreadOver"> & { spread: boolean };
  /** Expressions that must be true for a job to run. */
  filters: readonly string[];
  template: TemplateOptions;
  slots: Slots;
  /** Time between two starts; with `auto` it doubles while jobs fail, and shrinks otherwise. */
  delay: { ms: number; auto: boolean } | undefined;
  timeout: JobTimeout | undefined;
  /** A number, or text with replacement strings that give one. */
  retries: number | string | undefined;
  halt: Halt;
  /** May have replacement strings. */
  workingDirectory: string | undefined;
  env: readonly string[];
  dryRun: boolean;
  output: {
    keepOrder: boolean;
    grouping: "group" | "line-buffer" | "ungroup";
    /** May have replacement strings. */
    tag: string | undefined;
    /** How often `-v` was given. */
    verbosity: number;
    /** Commands are also printed to standard error. */
    trace: boolean;
    bar: boolean;
    eta: boolean;
    progress: boolean;
  };
  /** The path may have replacement strings. */
  results: { path: string; format: ResultsFormat } | undefined;
  joblog: { path: string; append: boolean } | undefined;
  resume: { resume: boolean; resumeFailed: boolean; retryFailed: boolean };
  pipe: PipeOptions | undefined;
  connection: {
    address: string | undefined;
    schedulerFile: string | undefined;
    tokenFile: string | undefined;
    connectTimeoutMs: number;
  };
  help: boolean;
  version: boolean;
};

export type TemplateOptions = {
  /** Texts that stand for replacement strings, such as that of `-I` for `{}`. */
  renamed: Readonly<Record<string, string>>;
  /** What surrounds an expression. */
  parens: { left: string; right: string };
  plus: boolean;
  /** Each is a replacement string, white space, and an expression. */
  definitions: readonly string[];
  /** Text around `{}` is repeated for each value. */
  contextReplace: boolean;
  /** A row gives its job no values, only its turn: `-N 0`. */
  withoutValues: boolean;
  quote: boolean;
  /** How many times the command is quoted, and printed instead of run. */
  shellQuote: number;
};

export type PipeOptions = {
  blockBytes: number;
  recordStart: string | undefined;
  recordEnd: string | undefined;
  regexp: boolean;
  removeSeparators: boolean;
  /** Records of a block, in place of its size. */
  recordsPerBlock: number | undefined;
  linesPerRecord: number | undefined;
  /** The job gets the block as a file. */
  cat: boolean;
  /** Lines that each block begins with, as a regular expression or `:` for one line. */
  header: string | undefined;
};

/**
 * The longest command that GNU Parallel makes on Linux, where one word of a command has 128 KiB: half
 * of what is left of that, since quoting for a remote shell may double it.
 */
const longestCommandBytes = 63_664;

/** Checks the values of the given options, and what they mean together. */
export function mapOptions(given: GivenOptions): MapOptions {
  const flag = (id: OptionId) => given.has(id);
  const texts = (id: OptionId) => given.get(id) ?? [];
  const text = (id: OptionId) => given.get(id)?.at(-1) ?? optionTable[id].default;
  const read = <T>(id: OptionId, reader: (text: string) => T): T | undefined => {
    const value = text(id);
    return value === undefined ? undefined : valueOf(id, value, reader);
  };
  refuseCombinations(flag);

  const pipe = flag("pipe") || flag("cat");
  const header = text("header");
  const lines =
    read("lines", (value) => readWhole(value, 1)) ??
    read("linesOptional", (value) => readCount(value || "1") || 1);
  const perJob = read("maxReplaceArgs", readCount) ?? read("maxArgs", readCount) ?? lines;
  const spread = flag("manyContext") || flag("many");
  const asManyAsFit = spread || flag("xargs");
  const parens = text("parens")!;
  const replacement = text("replacement") ?? (text("replacementOptional") || undefined);
  const delimiter = read("delimiter", readDelimiter) ?? (flag("null") ? "\0" : "\n");
  const left = parens.slice(0, parens.length / 2);
  const right = parens.slice(parens.length / 2);
  const tag = read("tagString", unescaped) ?? (flag("tag") ? left + right : undefined);
  const slots = read("jobs", readSlots)!;
  const maxChars = read("maxChars", (value) => readWhole(value, 1));
  const results = text("results");
  const joblog = text("joblog");
  const separator = flag("regexp") ? (pattern: string) => pattern : unescapedSeparator;
  const recordStart = read("recordStart", separator);
  const recordEnd = read("recordEnd", separator) ?? (recordStart === undefined ? "\n" : undefined);

  return {
    work: {
      modules: texts("modules"),
      function: text("function"),
      strings: flag("strings"),
      json: flag("json"),
    },
    inputs: {
      delimiter,
      endOfInput: text("eof") || text("eofOptional") || undefined,
      skipBlank: flag("skipBlank"),
      continued: lines !== undefined,
      csv: flag("csv"),
      columns: columnsOf(text("colsep"), flag("csv"), header !== undefined),
      trim: read("trim", readTrim) ?? (text("colsep") === undefined ? "n" : "lr"),
      header: header !== undefined && !pipe,
      link: flag("link"),
      shuffle: flag("shuffle"),
    },
    batches: {
      mostRows: perJob === undefined && asManyAsFit ? undefined : perJob || 1,
      spread,
      commandBytes: Math.min(maxChars ?? Infinity, longestCommandBytes),
    },
    filters: texts("filters"),
    template: {
      renamed: renamed(text, replacement),
      parens: { left, right },
      plus: flag("plus"),
      definitions: texts("definitions"),
      contextReplace:
        flag("manyContext") ||
        flag("maxReplaceArgs") ||
        (flag("lines") && !flag("xargs") && !flag("many")),
      withoutValues: perJob === 0,
      quote: flag("quote"),
      shellQuote: texts("shellQuote").length,
    },
    slots,
    delay: read("delay", readDelay),
    timeout: read("timeout", readTimeout),
    retries: read("retries", readRetries),
    halt: read("halt", readHalt)!,
    workingDirectory: text("workingDirectory"),
    env: texts("env").flatMap((names) => names.split(",")),
    dryRun: flag("dryRun"),
    output: {
      keepOrder: flag("keepOrder") && !flag("noKeepOrder"),
      grouping: flag("lineBuffer")
        ? "line-buffer"
        : flag("ungroup") && !flag("dryRun")
          ? "ungroup"
          : "group",
      tag,
      verbosity: flag("silent") ? 0 : texts("verbose").length,
      trace: flag("trace"),
      bar: flag("bar"),
      eta: flag("eta"),
      progress: flag("progress"),
    },
    results: results === undefined ? undefined : { path: results, format: resultsFormat(results) },
    joblog:
      joblog === undefined
        ? undefined
        : { path: joblog.replace(/^\+/, ""), append: joblog.startsWith("+") },
    resume: {
      resume: flag("resume"),
      resumeFailed: flag("resumeFailed"),
      retryFailed: flag("retryFailed"),
    },
    pipe: pipe
      ? {
          blockBytes: read("block", (value) => readWhole(value, 1))!,
          recordStart,
          recordEnd,
          regexp: flag("regexp"),
          removeSeparators: flag("removeSeparators"),
          recordsPerBlock: read("maxReplaceArgs", readCount) ?? read("maxArgs", readCount),
          linesPerRecord: lines,
          cat: flag("cat"),
          header,
        }
      : undefined,
    connection: {
      address: text("address"),
      schedulerFile: text("schedulerFile"),
      tokenFile: text("tokenFile"),
      connectTimeoutMs: read("connectTimeout", readTimerMs)!,
    },
    help: flag("help"),
    version: flag("version"),
  };
}

/** Refuses options that contradict each other or need another one. */
function refuseCombinations(flag: (id: OptionId) => boolean): void {
  const apart: [OptionId, OptionId][] = [
    ["group", "ungroup"],
    ["group", "lineBuffer"],
    ["ungroup", "lineBuffer"],
    ["pipe", "eta"],
    ["pipe", "bar"],
    ["pipe", "shuffle"],
    ["function", "pipe"],
    ["modules", "pipe"],
    ["function", "shellQuote"],
    ["modules", "shellQuote"],
    ["address", "schedulerFile"],
  ];
  for (const [one, other] of apart) {
    if (!flag(one) || !flag(other)) continue;
    throw new UsageError(`${nameOf(one)} cannot be combined with ${nameOf(other)}`);
  }
  const needs: [OptionId, OptionId[]][] = [
    ["resume", ["joblog", "results"]],
    ["resumeFailed", ["joblog", "results"]],
    ["retryFailed", ["joblog"]],
    ["strings", ["modules", "function"]],
    ["json", ["modules", "function"]],
  ];
  for (const [option, others] of needs) {
    if (!flag(option) || others.some(flag)) continue;
    throw new UsageError(`${nameOf(option)} needs ${others.map(nameOf).join(" or ")}`);
  }
}

function columnsOf(colsep: string | undefined, csv: boolean, header: boolean): Columns | undefined {
  if (colsep === "") throw new UsageError("--colsep: expected a text, and got none");
  if (csv) return { csvSeparator: colsep ?? "," };
  if (colsep === undefined) return header ? { separator: /\t/ } : undefined;
  return { separator: valueOf("colsep", colsep, (text) => new RegExp(text)) };
}

function readDelimiter(text: string): string {
  if (text !== "") return unescaped(text);
  throw new UsageError("expected a text, like , or '\\n\\n', and got none");
}

function readCount(text: string): number {
  return readWhole(text, 0);
}

/** Reads a duration that a timer can wait. */
function readTimerMs(text: string): number {
  const ms = parseDuration(text);
  if (ms <= longestTimerMs) return ms;
  throw new UsageError("expected at most 596h, which is 24 days");
}

function readTrim(text: string): Trim {
  const trim = trims.find((each) => each === text);
  if (trim) return trim;
  throw new UsageError(`expected one of ${trims.join(", ")}, and got "${text}"`);
}

function renamed(
  text: (id: OptionId) => string | undefined,
  replacement: string | undefined,
): Record<string, string> {
  const texts = {
    "{}": replacement,
    "{.}": text("withoutExtension"),
    "{/}": text("basename"),
    "{//}": text("dirname"),
    "{/.}": text("basenameWithoutExtension"),
    "{#}": text("seqNumber"),
    "{%}": text("slotNumber"),
  };
  const given = Object.entries(texts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, string>;
}

/** Reads a value; its error begins with the option. */
function valueOf<T>(id: OptionId, text: string, reader: (text: string) => T): T {
  try {
    return reader(text);
  } catch (error) {
    throw new UsageError(`${nameOf(id)}: ${(error as Error).message}`);
  }
}

/** The preferred name of an option, with its dashes. */
function nameOf(id: OptionId): string {
  return dashed(optionTable[id].names.split("|")[0]!);
}
