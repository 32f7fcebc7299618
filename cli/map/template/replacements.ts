// The replacement strings of a command line: `{}`, `{.}`, `{2}`, `{-1/}`, `{= … =}`, those of
// `--plus` and `--rpl`, and names of columns. Words are split into texts and replacements once.

import { asksForTotal, compileExpression, type Replace, type RunFacts } from "./expression.ts";
import { basename, dirname, withoutExtension } from "./paths.ts";
import { plusDefinitions } from "./plus.ts";

/** A replacement string in a word. */
export type Replacement = {
  /** The one value it takes, from 1 or from the end with -1; 0: it stands once for each value. */
  readonly position: number;
  readonly needsTotal: boolean;
  readonly replace: Replace;
};

/** A part of a word: text as it is, or a replacement. */
export type Piece = string | Replacement;

/** What a replacement string means. */
export type Definition = {
  /** The written form. Its `(…)` holds regular expressions for parameters, as in `{:(\d+)}`. */
  readonly shorthand: string;
  /** The position it has when none is written, for what stands once and not for each value. */
  readonly position?: number;
  readonly needsTotal?: boolean;
  readonly make: (groups: readonly string[], facts: RunFacts) => Replace;
};

/** The replacement strings that are there without any option, and that options can rename. */
export type StandardName = "{}" | "{.}" | "{/}" | "{//}" | "{/.}" | "{#}" | "{%}";

/** How replacement strings are written. */
export type ReplacementSettings = RunFacts & {
  /** What opens and closes an expression, half of the text each: `{==}`. */
  readonly parens: string;
  readonly plus: boolean;
  /** The arguments of `--rpl`: the written form, a space and its expression. */
  readonly rpl: readonly string[];
  /** Other written forms of standard ones: `{}` by `-I`, `{.}` by `-U` and so on. */
  readonly renamed: Readonly<Partial<Record<StandardName, string>>>;
  /** The names of the columns, from the first, with `--header`. */
  readonly headers: readonly string[];
};

const itself: Replace = (value) => value;

const standard: readonly (Definition & { readonly shorthand: StandardName })[] = [
  { shorthand: "{}", make: () => itself },
  { shorthand: "{.}", make: () => withoutExtension },
  { shorthand: "{/}", make: () => basename },
  { shorthand: "{//}", make: () => dirname },
  { shorthand: "{/.}", make: () => (value) => withoutExtension(basename(value)) },
  {
    shorthand: "{#}",
    position: 1,
    make:
      () =>
      (_, { job }) =>
        String(job.seq),
  },
  {
    shorthand: "{%}",
    position: 1,
    make:
      () =>
      (_, { job }) =>
        String(job.slot),
  },
];

/** The replacement that stands for every value of the job, as `{}` does. */
export const everyValue: Replacement = { position: 0, needsTotal: false, replace: itself };

/** Splits words into texts and replacements. An expression may span words: `{=`, `_ * 2`, `=}`. */
export function parseWords(words: readonly string[], settings: ReplacementSettings): Piece[][] {
  const [left, right] = halves(settings.parens);
  const patterns = patternsOf(definitionsOf(settings), settings);
  const expressions = expressionParser(left, right, settings);
  return joinExpressions(words, left, right).map((word) => {
    const named = numberColumns(word, left, settings.headers);
    return patterns.reduce<Piece[]>(
      (pieces, pattern) => pieces.flatMap((piece) => splitBy(pattern, piece)),
      expressions(named),
    );
  });
}

function halves(parens: string): [left: string, right: string] {
  return [parens.slice(0, parens.length / 2), parens.slice(parens.length / 2)];
}

/** Joins the words of an expression by spaces, from the one that opens it to the one that closes it. */
function joinExpressions(words: readonly string[], left: string, right: string): string[] {
  const closed = closedExpression(left, right);
  const joined: string[] = [];
  let open: string | undefined;
  for (const word of words) {
    const text: string = open === undefined ? word : `${open} ${word}`;
    if (text.replaceAll(closed, "").includes(left)) {
      open = text;
    } else {
      joined.push(text);
      open = undefined;
    }
  }
  return open === undefined ? joined : [...joined, open];
}

/** A regular expression for an expression that holds no other one. */
function closedExpression(left: string, right: string): RegExp {
  const [opens, closes] = [escaped(left), escaped(right)];
  return new RegExp(`${opens}((?:(?!${opens}|${closes})[^])*?)${closes}`, "g");
}

/** Makes the function that splits a word at its expressions. The same code is compiled once. */
function expressionParser(left: string, right: string, facts: RunFacts): (word: string) => Piece[] {
  const closed = closedExpression(left, right);
  const known = new Map<string, Replace>();
  return (word) => {
    // At odd places are the captured codes.
    const parts = word.split(closed);
    return parts.flatMap((part, index): Piece[] => {
      if (index % 2 === 0) return part === "" ? [] : [part];
      const [, position, code] = /^(-?\d+)?([^]*)$/.exec(part)!;
      const replace = known.get(code!) ?? onceAValue(compileExpression(code!, facts));
      known.set(code!, replace);
      return [{ position: Number(position ?? 0), needsTotal: asksForTotal(code!), replace }];
    });
  };
}

/**
 * Evaluates an expression once for each value of a job, however often the command has it: an
 * expression that counts gives the same number in all its places.
 */
function onceAValue(replace: Replace): Replace {
  let job: unknown;
  let results: ({ text: string; unquoted: boolean } | undefined)[] = [];
  return (value, rendering, index) => {
    if (job !== rendering.job) {
      job = rendering.job;
      results = [];
    }
    const { text, unquoted } = (results[index] ??= {
      text: replace(value, rendering, index),
      unquoted: rendering.unquoted,
    });
    rendering.unquoted = unquoted;
    return text;
  };
}

/** Replaces names of columns by their numbers: `{name}` `{name.}` `{=name … =}`. */
function numberColumns(word: string, left: string, headers: readonly string[]): string {
  if (headers.length === 0) return word;
  const numbers = new Map(headers.map((name, index) => [name, index + 1]));
  const names = [...numbers.keys()].sort((a, b) => b.length - a.length);
  const any = `(${names.map(escaped).join("|")})`;
  return word
    .replace(
      new RegExp(`\\{${any}(|/|//|\\.|/\\.)\\}`, "g"),
      (_, name: string, rest: string) => `{${numbers.get(name)!}${rest}}`,
    )
    .replace(
      new RegExp(`(${escaped(left)})${any}(?=\\s)`, "g"),
      (_, opens: string, name: string) => opens + numbers.get(name)!,
    );
}

/** All definitions, in the order in which they are looked for: a short one may be part of a long one. */
function definitionsOf({ plus, rpl, renamed }: ReplacementSettings): Definition[] {
  const all = new Map<string, Definition>();
  const add = (definition: Definition) => all.set(definition.shorthand, definition);
  for (const definition of standard) {
    add({ ...definition, shorthand: renamed[definition.shorthand] ?? definition.shorthand });
  }
  if (plus) plusDefinitions.forEach(add);
  rpl.map(ownDefinition).forEach(add);
  return [...all.values()].sort((a, b) => b.shorthand.length - a.shorthand.length);
}

/** Reads an argument of `--rpl`. A number before the expression is its position, as in `{= … =}`. */
function ownDefinition(text: string): Definition {
  const [, shorthand, position, code] = /^(\S*)(?:\s(-?\d+(?=\s))?([^]*))?$/.exec(text)!;
  return {
    shorthand: shorthand!,
    position: Number(position ?? 0),
    needsTotal: asksForTotal(code ?? ""),
    make: (groups, facts) => compileExpression(code ?? "", facts, groups),
  };
}

/** A written form to look for, and the replacement that a match is. */
type Pattern = {
  readonly form: RegExp;
  readonly replacement: (groups: readonly (string | undefined)[]) => Replacement;
};

/** The written forms of all definitions; those that start with `{` may have a position after it. */
function patternsOf(definitions: readonly Definition[], facts: RunFacts): Pattern[] {
  return definitions.flatMap((definition) => {
    const { shorthand, position = 0, needsTotal = false, make } = definition;
    const [, prefix, groups = "", postfix] = /^([^(]*)(\(.*\))?([^)]*)$/s.exec(shorthand) ?? [
      "",
      shorthand,
      "",
      "",
    ];
    // The empty text first, then the longest: the order in which GNU Parallel finds them.
    const before = "^(|[^]+)";
    const after = groups + escaped(postfix);
    const plain: Pattern = {
      form: new RegExp(before + escaped(prefix) + after),
      replacement: (found) => ({
        position,
        needsTotal,
        replace: make(definedOnes(found), facts),
      }),
    };
    if (!prefix.startsWith("{")) return [plain];
    const positional: Pattern = {
      form: new RegExp(`${before}\\{(-?\\d+)\\s*${escaped(prefix.slice(1))}${after}`),
      replacement: ([at, ...found]) => ({
        position: Number(at),
        needsTotal,
        replace: make(definedOnes(found), facts),
      }),
    };
    return [plain, positional];
  });
}

function definedOnes(groups: readonly (string | undefined)[]): string[] {
  return groups.filter((group) => group !== undefined);
}

/** Splits a text at every match of a pattern; a replacement stays as it is. */
function splitBy(pattern: Pattern, piece: Piece): Piece[] {
  if (typeof piece !== "string") return [piece];
  const match = pattern.form.exec(piece);
  if (match === null) return piece === "" ? [] : [piece];
  const [whole, before, ...groups] = match;
  return [
    ...splitBy(pattern, before!),
    pattern.replacement(groups),
    ...splitBy(pattern, piece.slice(whole.length)),
  ];
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
