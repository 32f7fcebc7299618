// What the roles say while they run: one line per record on standard error, for people or as JSON
// for machines. The roles know only the `Log` interface; behind it stands LogTape, which is silent
// until a program configures it, so that a client embedded in somebody's program prints nothing.

import { configureSync, getLogger, parseLogLevel, type LogRecord } from "@logtape/logtape";
import { inspect, stripVTControlCharacters } from "node:util";

/**
 * Where a role writes what happens. `message` is a plain sentence, never a template; `properties`
 * are the facts beside it, shown as `name=value` to people and as fields to machines.
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

/** The log of one role, `scheduler` or `worker` for instance. */
export function createLog(role: string): Log {
  const logger = getLogger(["thence", role]);
  // LogTape reads `{…}` in a message as a place for a value; ours are plain sentences.
  const plain = (message: string) => message.replaceAll(/[{}]/g, "$&$&");
  return {
    debug: (message, properties) => logger.debug(plain(message), properties),
    info: (message, properties) => logger.info(plain(message), properties),
    warning: (message, properties) => logger.warning(plain(message), properties),
    error: (message, properties) => logger.error(plain(message), properties),
  };
}

/** Turns the logs of this process on. `write` gets one whole line at a time, its end included. */
export function configureLog({
  format = "text",
  level = "info",
  write = (line) => void process.stderr.write(line),
}: {
  format?: LogFormat;
  level?: LogLevel;
  write?: (line: string) => void;
} = {}): void {
  const lineOf = format === "json" ? jsonLine : textLine;
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(`${withoutSecrets(lineOf(record))}\n`) },
    loggers: [
      { category: "thence", sinks: ["lines"], lowestLevel: parseLogLevel(level) },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "warning" },
    ],
  });
}

/**
 * Makes every log line of this process show `***` wherever `secret` would stand. No line is meant to
 * hold a token; this is the net under that intention.
 */
export function hideInLogs(secret: string): void {
  if (secret !== "") secrets.add(secret);
}

const secrets = new Set<string>();

function withoutSecrets(line: string): string {
  for (const secret of secrets) line = line.replaceAll(secret, "***");
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
    // A BigInt, or a ring.
    return inspect(value);
  }
}

/** What comes from elsewhere must not start a new record or move the cursor of a terminal. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll("\n", String.raw`\n`)
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ");
}
