// The replacement strings of `--plus`: parts of file names, Bash's parameter expansions, and facts
// of the job. Patterns are regular expressions, as in GNU Parallel: in `{%.gz}` the dot is any character.

import { UsageError } from "../../exit-code.ts";
import type { Replace } from "./expression.ts";
import { basename } from "./paths.ts";
import type { Definition } from "./replacements.ts";

/** The end of the value, or the newline it ends with: `$` in Perl. */
const end = "(?=\\n?$)";

const fileNames: readonly Definition[] = [
  { shorthand: "{+/}", make: () => folder },
  { shorthand: "{+.}", make: () => (value) => extensions(value, 1) },
  { shorthand: "{+..}", make: () => (value) => extensions(value, 2) },
  { shorthand: "{+...}", make: () => (value) => extensions(value, 3) },
  { shorthand: "{..}", make: () => (value) => withoutExtensions(value, 2) },
  { shorthand: "{...}", make: () => (value) => withoutExtensions(value, 3) },
  { shorthand: "{/..}", make: () => (value) => withoutExtensions(basename(value), 2) },
  { shorthand: "{/...}", make: () => (value) => withoutExtensions(basename(value), 3) },
];

const jobFacts: readonly Definition[] = [
  {
    shorthand: "{##}",
    position: 1,
    needsTotal: true,
    make:
      (_, { totalJobs }) =>
      () =>
        String(totalJobs()),
  },
  {
    shorthand: "{0#}",
    position: 1,
    needsTotal: true,
    make:
      (_, { totalJobs }) =>
      (_value, { job }) =>
        zeroPadded(job.seq, totalJobs()),
  },
  {
    shorthand: "{0%}",
    position: 1,
    make:
      (_, { slots }) =>
      (_value, { job }) =>
        zeroPadded(job.slot, slots),
  },
  { shorthand: "{uniq}", make: () => skipUnless(areDistinct) },
  { shorthand: "{choose_k}", make: () => skipUnless(ascend) },
  variable("{slot}", "PARALLEL_JOBSLOT"),
  variable("{host}", "PARALLEL_SSHHOST"),
  variable("{sshlogin}", "PARALLEL_SSHLOGIN"),
  variable("{hgrp}", "PARALLEL_HOSTGROUPS"),
  variable("{agrp}", "PARALLEL_ARGHOSTGROUPS"),
];

const expansions: readonly Definition[] = [
  {
    shorthand: "{:-([^}]+?)}",
    // "0" is false in Perl.
    make:
      ([fallback = ""]) =>
      (value) =>
        value === "" || value === "0" ? fallback : value,
  },
  {
    shorthand: "{:(\\d+?)}",
    make:
      ([from]) =>
      (value) =>
        characters(value, Number(from)),
  },
  {
    shorthand: "{:(\\d+?):(\\d+?)}",
    make:
      ([from, length]) =>
      (value) =>
        characters(value, Number(from), Number(length)),
  },
  substitution("{#([^#}][^}]*?)}", (pattern) => `^${reluctant(pattern)}([^\\n]*)`, firstGroup),
  substitution("{##([^#}][^}]*?)}", (pattern) => `^${pattern}`, nothing),
  substitution("{%([^}]+?)}", (pattern) => `([^\\n]*)${reluctant(pattern)}${end}`, firstGroup),
  substitution("{%%([^}]+?)}", (pattern) => pattern + end, nothing),
  substitution("{/([^#%}/]+?)/([^}]*?)}", (pattern) => pattern, second),
  substitution("{/#([^}]+?)/([^}]*?)}", (pattern) => `^${pattern}`, second, "g"),
  substitution("{/%([^}]+?)/([^}]*?)}", (pattern) => pattern + end, second, "g"),
  substitution("{//([^}]+?)/([^}]*?)}", (pattern) => pattern, second, "g"),
  substitution("{^([^}]+?)}", (pattern) => `^(${pattern})`, upperCase),
  substitution("{^^([^}]+?)}", (pattern) => `(${pattern})`, upperCase, "g"),
  substitution("{,([^}]+?)}", (pattern) => `^(${pattern})`, lowerCase),
  substitution("{,,([^}]+?)}", (pattern) => `(${pattern})`, lowerCase, "g"),
];

export const plusDefinitions: readonly Definition[] = [...fileNames, ...jobFacts, ...expansions];

function folder(value: string): string {
  const slash = value.lastIndexOf("/");
  return slash === -1 ? withoutLastLine(value) : value.slice(0, slash);
}

/** The last `count` extensions, or nothing when the file name has fewer. */
function extensions(value: string, count: number): string {
  const dot = value.includes(".");
  if (count === 1) return dot ? value.replace(/[^\n]*\./, "") : withoutLastLine(value);
  const wanted = new RegExp(`[^\\n]*\\.([^/.]*(?:\\.[^/.]*){${count - 1}})$`);
  return dot && wanted.test(value) ? value.replace(wanted, "$1") : withoutLastLine(value);
}

function withoutExtensions(value: string, count: number): string {
  return value.replace(new RegExp(`(?:\\.[^/.]*){${count}}$`), "");
}

/** Characters from a place on. GNU Parallel counts bytes, and cuts characters in two. */
function characters(value: string, from: number, length = Infinity): string {
  return [...value].slice(from, from + length).join("");
}

/** Nothing, for a value of one line; the lines before the last stay. */
function withoutLastLine(value: string): string {
  return value.replace(new RegExp(`[^\\n]*${end}`), "");
}

/** Pads a number to the digits of the highest one, counted in floating point as GNU Parallel does. */
function zeroPadded(number: number, highest: number): string {
  const digits = 1 + Math.trunc(Math.log(highest || 1) / Math.log(10));
  return String(number).padStart(digits, "0");
}

function skipUnless(holds: (values: readonly string[]) => boolean): Replace {
  return (value, rendering) => {
    if (!holds(rendering.values)) rendering.skipped = true;
    return value;
  };
}

function areDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function ascend(values: readonly string[]): boolean {
  const bytes = values.map((value) => Buffer.from(value));
  return bytes.every((value, index) => index === 0 || Buffer.compare(bytes[index - 1]!, value) < 0);
}

/** A variable that the shell expands when the job runs, so it is not quoted. */
function variable(shorthand: string, name: string): Definition {
  return {
    shorthand,
    position: 1,
    make: () => (_, rendering) => {
      rendering.unquoted = true;
      return `\${${name}}`;
    },
  };
}

/** A definition that replaces what a regular expression matches. */
function substitution(
  shorthand: string,
  source: (pattern: string) => string,
  replacer: (group: string | undefined, replacement: string) => string,
  flags = "",
): Definition {
  return {
    shorthand,
    make: ([pattern, replacement = ""]) => {
      const regex = regularExpression(pattern!, source(pattern!), flags);
      return (value) =>
        value.replace(regex, (_match: string, group: unknown) =>
          replacer(typeof group === "string" ? group : undefined, replacement),
        );
    },
  };
}

function nothing(): string {
  return "";
}

function firstGroup(group = ""): string {
  return group;
}

function second(_: string | undefined, replacement: string): string {
  return replacement;
}

function upperCase(group = ""): string {
  return group.toUpperCase();
}

function lowerCase(group = ""): string {
  return group.toLowerCase();
}

/** Compiles a pattern, by characters where it allows that: `u` refuses needless backslashes. */
function regularExpression(pattern: string, source: string, flags: string): RegExp {
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    // A needless backslash, or an error that the next line reports.
  }
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new UsageError(
      `the pattern "${pattern}" is no regular expression: ${(error as Error).message}; ` +
        'any text is written ".*" there',
    );
  }
}

/** Makes the quantifiers of a pattern take as little as they can, outside of character classes. */
function reluctant(pattern: string): string {
  return pattern.replace(/\\[^]|\[(?:\\[^]|[^\]\\])*\]?|[*+}]\??/g, (part) =>
    /^[*+}]$/.test(part) ? `${part}?` : part,
  );
}
