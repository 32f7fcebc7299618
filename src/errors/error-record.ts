// How an error is taken apart into a record and put together again. Errors are recorded when
// something has already gone wrong, so recording never throws and never grows without bound,
// whatever was thrown: proxies, throwing getters, cycles of causes, megabytes of stack.
//
// How user values become text is `payload.ts`'s affair and given as functions; `failure.ts` binds them.

import { errorClasses } from "./errors.ts";

/** How an Error crosses the wire. Nested to a bounded depth. */
export type ErrorRecord = {
  name: string;
  message: string;
  stack?: string;
  cause?: ErrorRecord;
  errors?: ErrorRecord[];
  /** Extra own properties of the error (`code`, `errno`, …), as one text payload of an object. */
  properties?: string;
  /** Set when what was thrown is not an Error: the value itself, as a text payload. */
  thrown?: string;
};

/** As it was before the user's code, which may put another in its place, was loaded. */
const { stringify } = JSON;

const bounds = {
  /** Levels of causes and of errors inside errors. */
  depth: 8,
  /** Records in one record, counting itself. */
  records: 256,
  /** Characters of one message, stack, property text or thrown value. */
  text: 64 * 1024,
  /** Characters of all of them. */
  allText: 1024 * 1024,
};

/** What is left of the bounds, and the errors being recorded, outermost first. */
export type Recording = { records: number; characters: number; readonly above: unknown[] };

export function newRecording(): Recording {
  return { records: bounds.records, characters: bounds.allText, above: [] };
}

/** The text payload of a value, or undefined when it has none. May throw. */
export type TextOf = (value: unknown, recording: Recording) => string | undefined;

/** A record of anything thrown. Never throws. */
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

/** All extra own properties as one text; those that have no text are left out one by one. */
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
 * The error that a record describes. A value that was thrown and is no Error becomes its cause.
 * A text in it that is no payload is passed over, for the rest of the record still counts.
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

/** What was thrown: the error, or the value itself when it was no Error. */
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

/** Those of the language and our own keep their class; others are an Error of their name. */
const classes = new Map<string, ErrorConstructor_>(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [
    each.name,
    each,
  ]),
);
for (const each of Object.values(errorClasses)) classes.set(each.prototype.name, each);

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

/** Of this realm or another's. Never throws. */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  return (
    attempt(
      () => value instanceof Error || Object.prototype.toString.call(value) === "[object Error]",
    ) ?? false
  );
}

/** The errors inside one: an AggregateError's, and those of classes that do alike. */
function errorsIn(error: Error): unknown[] | undefined {
  const errors = read(error, "errors");
  return attempt(() => {
    if (!Array.isArray(errors)) return undefined;
    const items: unknown[] = errors.slice(0, bounds.records);
    return error instanceof AggregateError || items.every(isError) ? items : undefined;
  });
}

/** A few words for a person on a value that is no Error. */
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
