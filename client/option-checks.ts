// Checks of the options that users write, where they write them: what is wrong is an error that names
// it, before anything is sent.

import type { TArray, TBoolean, TInteger, TNumber, TString } from "typebox";
import { didYouMean } from "../src/nearest.ts";
import { limits } from "../src/wire/limits.ts";
import { Count, Key } from "../src/wire/parts.ts";

/**
 * Options of which none is unknown: a misspelt one would be left without effect, and nobody told.
 *
 * @throws {TypeError} naming the option, and what there is
 */
export function checkedNames<Options extends object>(
  options: Options,
  known: readonly string[],
  of: string,
): Options {
  if (typeof options !== "object" || (options as unknown) === null) {
    throw wrongType(`the options of ${of}`, `an object with ${quoted(known)}`, options);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw unknownOption(name, known, of);
  }
  return options;
}

/** Milliseconds of a time limit; Infinity when none was given. */
export function checkedTimeout(value: unknown, name = "timeoutMs"): number {
  if (value === undefined || value === Infinity) return Infinity;
  return number(value, name, { minimum: 0 });
}

export function checkedReason(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return text(value, "reason", { minLength: 1, maxLength: limits.textLength });
}

export function checkedKey(value: unknown): string {
  return text(value, "key", Key);
}

export function checkedCount(value: unknown, name: string): number {
  return number(value, name, Count);
}

/** The schema of a plain option: a number, a text, true or false, or a list of texts, within limits. */
export type PlainSchema = TNumber | TInteger | TString | TBoolean | TArray<TString>;

/**
 * A plain option as its schema allows it. A list is copied.
 *
 * @throws {TypeError | RangeError} saying what is allowed
 */
export function plain(value: unknown, name: string, schema: PlainSchema): unknown {
  switch (schema.type) {
    case "number":
    case "integer":
      return number(value, name, schema);
    case "string":
      return text(value, name, schema);
    case "boolean":
      if (typeof value !== "boolean") throw wrongType(name, "true or false", value);
      return value;
    case "array":
      return texts(value, name, schema);
  }
}

type NumberLimits = {
  readonly type?: "number" | "integer";
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
};

export function number(value: unknown, name: string, within: NumberLimits): number {
  const { type, exclusiveMinimum, minimum = -Infinity } = within;
  const { maximum = Number.MAX_SAFE_INTEGER } = within;
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (value === Infinity) throw new RangeError(`${name} must have an end: ${value}`);
  if (exclusiveMinimum !== undefined && !(value > exclusiveMinimum)) {
    throw new RangeError(`${name} must be more than ${exclusiveMinimum}: ${value}`);
  }
  if (!(value >= minimum && value <= maximum)) {
    const isOpen = maximum === Number.MAX_SAFE_INTEGER;
    const range = isOpen ? `${minimum} or more` : `${minimum} to ${maximum}`;
    throw new RangeError(`${name} must be ${range}: ${value}`);
  }
  if (type === "integer" && !Number.isInteger(value)) {
    throw new RangeError(`${name} must be a whole number: ${value}`);
  }
  return value;
}

type TextLimits = {
  readonly type?: "string";
  readonly minLength?: number;
  readonly maxLength?: number;
};

export function text(value: unknown, name: string, within: TextLimits): string {
  const { minLength = 0, maxLength = Infinity } = within;
  if (typeof value !== "string") throw wrongType(name, "a string", value);
  if (value.length >= minLength && value.length <= maxLength) return value;
  const range = `${minLength} to ${maxLength} characters`;
  throw new RangeError(`${name} must have ${range}, not ${value.length}`);
}

type ListLimits = {
  readonly items: TextLimits;
  /** What the texts are, in the plural. */
  readonly title?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
};

function texts(value: unknown, name: string, within: ListLimits): string[] {
  const { items, title = "strings", minItems = 0, maxItems = Infinity } = within;
  if (!Array.isArray(value)) throw wrongType(name, `an array of ${title}`, value);
  if (value.length === 0 && minItems > 0) {
    throw new RangeError(`${name} must name at least one ${title.replace(/ names$/, "")}`);
  }
  if (value.length < minItems || value.length > maxItems) {
    const range = `${minItems} to ${maxItems} ${title}`;
    throw new RangeError(`${name} must have ${range}, not ${value.length}`);
  }
  return value.map((each, index) => text(each, `${name}[${index}]`, items));
}

export function record(value: unknown, name: string, expected: string): Record<string, unknown> {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isRecord) throw wrongType(name, expected, value);
  return value as Record<string, unknown>;
}

function unknownOption(name: string, known: readonly string[], of: string): TypeError {
  const near = didYouMean(name, known);
  const all = `, whose ${known.length === 1 ? "only option is" : "options are"} ${quoted(known)}`;
  return new TypeError(`"${name}" is not an option of ${of}${near ? `.${near}` : all}`);
}

/** In quotes, so that `errors` and the like are seen to be names. */
function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

export function wrongType(name: string, expected: string, value: unknown): TypeError {
  const got = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
  return new TypeError(`${name} must be ${expected}, not ${got}`);
}
