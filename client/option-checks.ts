// Checks of the options that users write, where they write them: what is wrong is an error that names
// it, before anything is sent.

import { didYouMean } from "../src/nearest.ts";
import { limits } from "../src/wire/limits.ts";

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
    throw wrongType(`what ${of} takes`, `an object of ${known.join(", ")}`, options);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw unknownOption(name, known, of);
  }
  return options;
}

/** Milliseconds of a time limit; Infinity when none was given. */
export function checkedTimeout(value: unknown, name = "timeoutMs"): number {
  if (value === undefined || value === Infinity) return Infinity;
  return number(value, name, 0);
}

export function checkedReason(value: unknown): string | undefined {
  return value === undefined ? undefined : text(value, "reason", limits.textLength);
}

export function checkedCount(value: unknown, name: string): number {
  return integer(value, name, 0);
}

export function positive(value: unknown, name: string): number {
  const checked = number(value, name, -Infinity);
  if (checked <= 0) throw new RangeError(`${name} must be more than 0: ${checked}`);
  return checked;
}

export function integer(value: unknown, name: string, least: number, most?: number): number {
  const checked = number(value, name, least, most);
  if (!Number.isInteger(checked))
    throw new RangeError(`${name} must be a whole number: ${checked}`);
  return checked;
}

export function number(
  value: unknown,
  name: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
) {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (value >= least && value <= most) return value;
  if (value === Infinity) throw new RangeError(`${name} must have an end: ${value}`);
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  throw new RangeError(`${name} must be ${range}: ${value}`);
}

export function text(value: unknown, name: string, longest: number): string {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
  if (value.length > 0 && value.length <= longest) return value;
  throw new RangeError(`${name} must have 1 to ${longest} characters, not ${value.length}`);
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") throw wrongType(name, "true or false", value);
  return value;
}

export function record(value: unknown, name: string, expected: string): Record<string, unknown> {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isRecord) throw wrongType(name, expected, value);
  return value as Record<string, unknown>;
}

export function unknownOption(name: string, known: readonly string[], of: string): TypeError {
  const hint = didYouMean(name, known) || ` There are ${known.join(", ")}.`;
  return new TypeError(`"${name}" is not an option of ${of}.${hint}`);
}

export function wrongType(name: string, expected: string, value: unknown): TypeError {
  const got = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
  return new TypeError(`${name} must be ${expected}, not ${got}`);
}
