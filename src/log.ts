// The logs of the roles: one line per record on standard error, as text for people or as JSON for
// machines. The roles use the `Log` interface. LogTape implements it and is silent until a program
// configures it, so a client inside a user's program prints nothing.

import { configureSync, getLogger, parseLogLevel, type LogRecord } from "@logtape/logtape";
import { inspect, stripVTControlCharacters } from "node:util";
import { writeErrorLine } from "./standard-streams.ts";

/**
 * The log of a role. `message` is a plain sentence, never a template; `properties` are facts beside
 * it, written as `name=value` in text and as fields in JSON.
 *
 * @example log.info("worker joined", { worker: "n1-0", threads: 4 })
 */
export type Log = Record<
  "debug" | "info" | "warning" | "error",
  (message: string, properties?: Record<string, unknown>) => void
>;

export const silentLog: Log = { debug() {}, info() {}, warning() {}, error() {} };

export const logLevels = ["debug", "info", "warning", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** Makes the log of one role, such as `scheduler` or `worker`. */
export function createLog(role: string): Log {
  const logger = getLogger(["thence", role]);
  // LogTape treats `{…}` in a message as a placeholder, so braces are doubled.
  const plain = (message: string) => message.replaceAll(/[{}]/g, "$&$&");
  return {
    debug: (message, properties) => logger.debug(plain(message), properties),
    info: (message, properties) => logger.info(plain(message), properties),
    warning: (message, properties) => logger.warning(plain(message), properties),
    error: (message, properties) => logger.error(plain(message), properties),
  };
}

/** Turns on the logs of this process. `write` receives one line at a time, with its line end. */
export function configureLog({
  format = "text",
  level = "info",
  write = writeErrorLine,
}: {
  format?: LogFormat;
  level?: LogLevel;
  write?: (line: string) => void;
} = {}): void {
  const lineOf = format === "json" ? jsonLine : textLine;
  configureSync({
    reset: true,
    // The line end first: each step that reads a long line makes a copy, unless nothing was added since.
    sinks: { lines: (record) => write(withoutSecrets(`${lineOf(record)}\n`)) },
    loggers: [
      { category: "thence", sinks: ["lines"], lowestLevel: parseLogLevel(level) },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "warning" },
    ],
  });
}

/**
 * Replaces `secret` by `***` in every log line of this process. No line should contain a token; this
 * is a second line of defence.
 */
export function hideInLogs(secret: string): void {
  if (secret !== "" && !secrets.has(secret)) secrets.set(secret, patternOf(secret));
}

const secrets = new Map<string, RegExp>();

/** A line may be JSON, with JSON in it: quotes and backslashes then have further backslashes before them. */
function patternOf(secret: string): RegExp {
  const escaped = secret.replaceAll(/\\+|\W/g, (char) => {
    if (char.startsWith("\\")) return String.raw`\\+`;
    const itself = `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
    return char === '"' || char === "'" ? String.raw`\\*${itself}` : itself;
  });
  return new RegExp(escaped, "g");
}

function withoutSecrets(line: string): string {
  for (const pattern of secrets.values()) line = line.replace(pattern, "***");
  return line;
}

function textLine({ timestamp, level, category, message, properties }: LogRecord): string {
  const time = new Date(timestamp).toISOString().slice(11, 23);
  const facts = Object.entries(properties)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}=${textOf(value)}`);
  return `${time} ${level.padEnd(7)} ${category.at(-1)}: ${oneLine(message.join(""))}${facts.join("")}`;
}

function jsonLine({ timestamp, level, category, message, properties }: LogRecord): string {
  const facts = Object.entries(properties).map(([name, value]) => [name, jsonValue(value)]);
  return JSON.stringify({
    time: new Date(timestamp).toISOString(),
    level,
    role: category.at(-1),
    message: message.join(""),
    ...Object.fromEntries(facts),
  });
}

function textOf(value: unknown): string {
  const plain = jsonValue(value);
  return typeof plain === "string" && /^[\w.:/@+~-]+$/.test(plain) ? plain : JSON.stringify(plain);
}

function jsonValue(value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? value.message;
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    // A bigint, or a circular object.
    return inspect(value);
  }
}

/** Text from other processes must not start a new record or move the cursor of a terminal. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll("\n", String.raw`\n`)
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ");
}
