// Parses the command line of `thence map` as GNU Parallel does: options up to the first word that is
// none, the words of the command, and the sources of its inputs.

import { didYouMean } from "../../../src/nearest.ts";
import { UsageError } from "../../exit-code.ts";
import {
  dashed,
  mapOptions,
  optionTable,
  type GivenOptions,
  type MapOptions,
  type OptionEntry,
  type OptionId,
} from "./map-options.ts";
import type { Source } from "../inputs/sources.ts";

export type MapCommand = {
  options: MapOptions;
  /** The function to call, and then the words are templates of its arguments. */
  function: string | undefined;
  words: readonly string[];
  sources: readonly Source[];
};

/**
 * Parses the arguments after `map`.
 *
 * @throws {UsageError} for options that are unknown, or whose values are wrong
 */
export function parseMapCommand(args: readonly string[]): MapCommand {
  const { given, rest } = parseOptions(args);
  const options = mapOptions(given);
  const text = (id: OptionId) => given.get(id)?.at(-1) ?? optionTable[id].default!;
  const { words, sources } = splitSources(rest, text("argSep"), text("argFileSep"));
  const files = (given.get("files") ?? []).map((path) => ({ path, linked: false }));
  const all = [...files, ...sources];
  // Without a source, the inputs are the lines of standard input, unless it is cut into blocks.
  if (all.length === 0 && !options.pipe) all.push({ path: "-", linked: false });

  const { modules, function: named } = options.work;
  if (named !== undefined || modules.length === 0) {
    return { options, function: named, words, sources: all };
  }
  const [first, ...templates] = words;
  if (first === undefined && !options.help) {
    throw new UsageError(
      "name the function after the options: thence map --module ./tasks.ts add ::: 1 2",
    );
  }
  return { options, function: first, words: templates, sources: all };
}

/** The options and their help, for a help text. */
export function optionsHelp(): { flags: string; help: string }[] {
  return Object.values(optionTable).map(({ names, takes, default: value, help }) => {
    const [long, ...others] = names.split("|");
    const short = others.filter((name) => name.length === 1);
    const flags = [...short, long!].map(dashed).join(", ");
    return {
      flags: takes === undefined ? flags : `${flags} ${takes}`,
      help: value === undefined ? help : `${help} (default: ${value})`,
    };
  });
}

const idsByName = new Map<string, OptionId>();
for (const [id, { names }] of Object.entries(optionTable)) {
  for (const name of names.split("|")) idsByName.set(name, id as OptionId);
}
const longNames = [...idsByName.keys()].filter((name) => name.length > 1);

/** Reads options up to the first word that is none; `--` ends them as well. */
function parseOptions(args: readonly string[]): { given: GivenOptions; rest: readonly string[] } {
  const given = new Map<OptionId, string[]>();
  let at = 0;
  const give = (id: OptionId, name: string, attached: string | undefined) => {
    const entry: OptionEntry = optionTable[id];
    let value = attached;
    if (entry.takes === undefined) value = "";
    else if (entry.optional) {
      const next = args[at];
      if (value === undefined && next !== undefined && entry.optional.test(next))
        value = args[at++];
      value ??= "";
    } else if (value === undefined) {
      if (at === args.length) throw new UsageError(`${dashed(name)} needs a value: ${entry.takes}`);
      value = args[at++];
    }
    const texts = given.get(id);
    if (texts) texts.push(value!);
    else given.set(id, [value!]);
  };

  for (; at < args.length;) {
    const arg = args[at]!;
    if (arg === "-" || !arg.startsWith("-")) break;
    at++;
    if (arg === "--") break;
    if (arg.startsWith("--")) {
      const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(arg)!;
      const { id, full } = longOption(name);
      if (value !== undefined && optionTable[id].takes === undefined) {
        throw new UsageError(`${dashed(full)} takes no value, and got "${value}"`);
      }
      give(id, full, value);
      continue;
    }
    for (let rest = arg.slice(1); rest !== "";) {
      const name = rest[0]!;
      const id = idsByName.get(name) ?? unknownOption(dashed(name), arg);
      rest = rest.slice(1);
      const takes = optionTable[id].takes !== undefined;
      give(id, name, takes && rest !== "" ? rest : undefined);
      if (takes) break;
    }
  }
  return { given, rest: args.slice(at) };
}

/** The option with this name, or the only one whose name begins with it. Case does not count. */
function longOption(name: string): { id: OptionId; full: string } {
  const exact = idsByName.get(name) ?? idsByName.get(name.toLowerCase());
  if (exact !== undefined) return { id: exact, full: name };
  const longer = longNames.filter((each) => name !== "" && each.startsWith(name.toLowerCase()));
  const ids = new Set(longer.map((each) => idsByName.get(each)!));
  if (ids.size > 1) {
    const choices = longer.map(dashed).join(", ");
    throw new UsageError(`the option --${name} is ambiguous: ${choices}`);
  }
  const [id] = ids;
  return { id: id ?? unknownOption(`--${name}`), full: longer[0] ?? name };
}

/** Options of GNU Parallel that have no counterpart here. */
const notHere = new Set(
  (
    "sshlogin S sshloginfile slf transferfile tf transfer return cleanup trc basefile bf onall nonall " +
    "controlmaster M ssh sshdelay limit hostgroups hgrp memfree memsuspend load noswap nice " +
    "compress compress-program decompress-program files fifo tee pipe-part pipepart tmpdir tmux tmuxpane " +
    "sql sqlmaster sqlworker sqlandworker semaphore semaphore-name semaphorename semaphore-timeout id fg bg wait " +
    "profile J embed session color ctag ctagstring latest-line latestline plain template " +
    "termseq use-cpus-instead-of-cores process-slot-var shard bin group-by round-robin roundrobin " +
    "max-line-length-allowed number-of-cpus number-of-cores number-of-threads open-tty o interactive p " +
    "recordenv record-env filter-hosts rsync-opts term-seq"
  ).split(" "),
);

function unknownOption(option: string, within = option): never {
  if (notHere.has(option.replace(/^-+/, ""))) {
    throw new UsageError(`${option} of GNU Parallel is not in thence map; see docs/map.md`);
  }
  const where = within === option ? "" : ` in ${within}`;
  // In a group of short options the mistake is often a missing dash, as in -keep-order.
  const wanted = within === option ? option : `-${within}`;
  throw new UsageError(
    `unknown option ${option}${where}.${didYouMean(wanted, longNames.map(dashed))}`,
  );
}

/** Takes the sources, which follow `:::`, `:::+`, `::::` or `::::+`, out of the words. */
function splitSources(
  args: readonly string[],
  valueMark: string,
  fileMark: string,
): { words: string[]; sources: Source[] } {
  const words: string[] = [];
  const sources: Source[] = [];
  const marks = new Set([valueMark, `${valueMark}+`, fileMark, `${fileMark}+`]);
  for (let at = 0; at < args.length;) {
    const mark = args[at++]!;
    if (!marks.has(mark)) {
      words.push(mark);
      continue;
    }
    let end = at;
    while (end < args.length && !marks.has(args[end]!)) end++;
    const group = args.slice(at, end);
    const linked = mark === `${valueMark}+` || mark === `${fileMark}+`;
    if (mark === fileMark || mark === `${fileMark}+`) {
      sources.push(...group.map((path) => ({ path, linked })));
    } else sources.push({ values: group, linked });
    at = end;
  }
  return { words, sources };
}
