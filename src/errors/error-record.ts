// Turns errors into plain records and back. Recording happens when something has already gone wrong,
// so it never throws and its output is bounded, whatever was thrown: proxies, throwing getters,
// cycles of causes, megabytes of stack.
//
// `payload.ts` encodes the user values inside errors; callers pass its functions as arguments.

import { errorClasses, NonRetriableError } from "./errors.ts";

/** The form of an Error on the wire. The nesting is bounded. */
export type ErrorRecord = {
  name: string;
  message: string;
  stack?: string;
  /** Its `code`, when that is a text or a number, for `retryIf`: the scheduler opens no payload. */
  code?: string;
  cause?: ErrorRecord;
  errors?: ErrorRecord[];
  /** Extra own properties of the error (`code`, `errno`, …), as one text payload of an object. */
  properties?: string;
  /** The thrown value as a text payload, when it is not an Error. */
  thrown?: string;
};

/** Saved before the user's code is loaded, which may replace it. */
const { stringify } = JSON;

const bounds = {
  /** Levels of causes and of errors inside errors. */
  depth: 8,
  /** Records in one record, counting itself. */
  records: 256,
  /** Characters of one message, stack, property text or thrown value. */
  text: 64 * 1024,
  /** Characters of all of these together. */
  allText: 1024 * 1024,
};

/** The remaining bounds, and the errors that are being recorded, outermost first. */
export type Recording = { records: number; characters: number; readonly above: unknown[] };

export function newRecording(): Recording {
  return { records: bounds.records, characters: bounds.allText, above: [] };
}

/** Encodes a value as a text payload; undefined when it needs binary parts or inputs. May throw. */
export type TextOf = (value: unknown, recording: Recording) => string | undefined;

/** Records anything that was thrown. Never throws. */
export function recordOf(thrown: unknown, textOf: TextOf, recording: Recording): ErrorRecord {
  recording.records--;
  const bounded: TextOf = (value) => {
    const text = attempt(() => textOf(value, recording));
    if (text === undefined || text.length > Math.min(bounds.text, recording.characters)) return;
    recording.characters -= text.length;
    return text;
  };
  if (!isError(thrown)) {
    const text = bounded(thrown, recording);
    const record = { name: "Error", message: cut(describe(thrown), recording) };
    return text === undefined ? record : { ...record, thrown: text };
  }
  const record: ErrorRecord = {
    name: cut(stringIn(thrown, "name") ?? "Error", recording),
    message: cut(stringIn(thrown, "message") ?? "", recording),
  };
  const { above } = recording;
  if (above.includes(thrown) || above.length >= bounds.depth) return record;
  above.push(thrown);
  try {
    addDetails(record, thrown, { recording, textOf, bounded });
  } finally {
    above.pop();
  }
  return record;
}

function addDetails(
  record: ErrorRecord,
  error: Error,
  by: { recording: Recording; textOf: TextOf; bounded: TextOf },
): void {
  const { recording } = by;
  const stack = stringIn(error, "stack");
  if (stack !== undefined) record.stack = cut(stack, recording);
  const code = read(error, "code");
  if (typeof code === "string" || typeof code === "number") record.code = cut(`${code}`, recording);
  const recordInside = (inside: unknown) => recordOf(inside, by.textOf, recording);
  const cause = read(error, "cause");
  if (cause !== undefined && recording.records > 0 && !recording.above.includes(cause)) {
    record.cause = recordInside(cause);
  }
  const carried = new Set(["name", "message", "stack", "cause"]);
  const errors = errorsIn(error);
  if (errors !== undefined) {
    carried.add("errors");
    record.errors = [];
    for (const inside of errors) {
      if (recording.records <= 0) break;
      record.errors.push(recordInside(inside));
    }
  }
  const properties = propertiesText(error, carried, by);
  if (properties !== undefined) record.properties = properties;
}

/** Encodes all extra own properties as one text, without those that cannot be encoded. */
function propertiesText(
  error: Error,
  carried: ReadonlySet<string>,
  { recording, textOf, bounded }: { recording: Recording; textOf: TextOf; bounded: TextOf },
): string | undefined {
  const properties: Record<string, unknown> = {};
  for (const key of attempt(() => Object.keys(error)) ?? []) {
    if (carried.has(key) || key === "__proto__") continue;
    const value = read(error, key);
    if (value !== undefined) properties[key] = value;
  }
  if (Object.keys(properties).length === 0) return undefined;
  const whole = bounded(properties, recording);
  if (whole !== undefined) return whole;
  let room = Math.min(bounds.text, recording.characters) / 2;
  for (const [key, value] of Object.entries(properties)) {
    const text = attempt(() => textOf({ [key]: value }, recording));
    if (text !== undefined && text.length <= room) room -= text.length;
    else delete properties[key];
  }
  return Object.keys(properties).length === 0 ? undefined : bounded(properties, recording);
}

/**
 * Rebuilds the error of a record. A thrown value that is not an Error becomes the cause. Texts that
 * cannot be decoded are skipped; the rest of the record is kept.
 */
export function rebuildError(
  record: ErrorRecord,
  valueOf: (text: string) => unknown,
  depth = 0,
): Error {
  const name = typeof record.name === "string" ? record.name : "Error";
  const message = typeof record.message === "string" ? record.message : "";
  const deeper = depth < 4 * bounds.depth;
  const options: { cause?: unknown } = {};
  if (typeof record.thrown === "string") options.cause = rebuildThrown(record, valueOf);
  else if (isRecord(record.cause) && deeper) {
    options.cause = rebuildThrown(record.cause, valueOf, depth + 1);
  }
  const errors =
    Array.isArray(record.errors) && deeper
      ? record.errors
          .slice(0, bounds.records)
          .filter(isRecord)
          .map((each) => rebuildThrown(each, valueOf, depth + 1))
      : undefined;
  const error =
    name === "AggregateError"
      ? new AggregateError(errors ?? [], message, options)
      : new (classOf(name))(message, options);
  if (errors !== undefined && name !== "AggregateError") define(error, "errors", errors, true);
  if (error.name !== name) define(error, "name", name, false);
  const stack = typeof record.stack === "string" ? record.stack : `${name}: ${message}`;
  define(error, "stack", stack, false);
  if (typeof record.properties === "string") restoreProperties(error, record.properties, valueOf);
  return error;
}

/** Rebuilds what was thrown: the error, or the value itself when it was not an Error. */
export function rebuildThrown(
  record: ErrorRecord,
  valueOf: (text: string) => unknown,
  depth = 0,
): unknown {
  const { thrown } = record;
  return typeof thrown === "string"
    ? attempt(() => valueOf(thrown))
    : rebuildError(record, valueOf, depth);
}

function restoreProperties(error: Error, text: string, valueOf: (text: string) => unknown): void {
  const properties = attempt(() => valueOf(text));
  if (typeof properties !== "object" || properties === null) return;
  for (const [key, value] of Object.entries(properties)) {
    if (!["__proto__", "name", "message", "stack", "cause"].includes(key)) {
      define(error, key, value, true);
    }
  }
}

type ErrorConstructor_ = new (message: string, options: { cause?: unknown }) => Error;

/** Classes of the language and of this package are kept; others become an Error with their name. */
const classes = new Map<string, ErrorConstructor_>(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [
    each.name,
    each,
  ]),
);
for (const each of [...Object.values(errorClasses), NonRetriableError]) {
  classes.set(each.prototype.name, each);
}

function classOf(name: string): ErrorConstructor_ {
  return classes.get(name) ?? Error;
}

function define(error: Error, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}

export function isRecord(value: unknown): value is ErrorRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPromise(value: unknown): boolean {
  return attempt(() => value instanceof Promise) ?? false;
}

/** Whether a value is an Error of this realm or another. Never throws. */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  return (
    attempt(
      () => value instanceof Error || Object.prototype.toString.call(value) === "[object Error]",
    ) ?? false
  );
}

/** Whether an error, or a class above its own, is called `NonRetriableError`. Never throws. */
export function isNonRetriable(thrown: unknown): boolean {
  if (!isError(thrown)) return false;
  return (
    attempt(() => {
      for (let each: unknown = thrown; each; each = Object.getPrototypeOf(each)) {
        if (Object.getOwnPropertyDescriptor(each, "name")?.value === "NonRetriableError")
          return true;
      }
      return false;
    }) ?? false
  );
}

/** The errors inside an AggregateError, or inside any error with a list of errors called `errors`. */
function errorsIn(error: Error): unknown[] | undefined {
  const errors = read(error, "errors");
  return attempt(() => {
    if (!Array.isArray(errors)) return undefined;
    const items: unknown[] = errors.slice(0, bounds.records);
    return error instanceof AggregateError || items.every(isError) ? items : undefined;
  });
}

/** A short description, for people, of a thrown value that is not an Error. */
function describe(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if (typeof thrown === "function") return "a function was thrown";
  if (isPromise(thrown)) return "a promise was thrown: await it first";
  const text = attempt(() =>
    typeof thrown === "object" ? stringify(thrown) : String(thrown as symbol),
  );
  if (text === undefined) return "something that cannot be shown was thrown";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function stringIn(error: Error, key: "name" | "message" | "stack"): string | undefined {
  const value = read(error, key);
  return typeof value === "string" ? value : undefined;
}

function read(error: Error, key: string): unknown {
  return attempt(() => (error as unknown as Record<string, unknown>)[key]);
}

function cut(text: string, recording: Recording): string {
  const kept = text.slice(0, Math.max(0, Math.min(bounds.text, recording.characters)));
  recording.characters -= kept.length;
  return kept;
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
