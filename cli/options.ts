// The options that commands share, and the functions that read option values. Commander prints the
// error of such a function with the name of the option, and the command exits with 2.

import { InvalidArgumentError, Option, type Command } from "commander";
import { moduleSource } from "../cluster/module-source.ts";
import { longestTimerMs, parseDuration } from "../src/duration.ts";
import { addressOfInterface } from "../src/meeting/address.ts";
import { parseSize } from "../src/size.ts";
import { limits } from "../src/wire/limits.ts";
import { isResourceName } from "../src/wire/task-options.ts";
import { logFormats, logLevels, type LogFormat, type LogLevel } from "../src/log.ts";
import type { Resources } from "../src/wire/protocol.ts";
import type { ModuleSource } from "../worker/main.ts";
import { messageOf, UsageError } from "./exit-code.ts";

export type LogOptions = { logFormat: LogFormat; logLevel: LogLevel };

export function withLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--log-format <format>", "format of the log: text for people, json for machines")
        .choices(logFormats)
        .default("text"),
    )
    .addOption(
      new Option("--log-level <level>", "lowest level that is logged")
        .choices(logLevels)
        .default("info"),
    );
}

/** Adds examples to the end of a command's help. */
export function withExample(command: Command, ...lines: string[]): Command {
  const title = lines.length > 1 ? "Examples" : "Example";
  return command.addHelpText(
    "after",
    `\n${title}:\n${lines.map((line) => `  ${line}`).join("\n")}`,
  );
}

/** Reads a duration like `10s` as milliseconds. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Reads a duration that a timer can wait, up to 24 days. */
export function timerDuration(text: string): number {
  const ms = duration(text);
  if (ms <= longestTimerMs) return ms;
  throw new InvalidArgumentError("Expected at most 596h, which is 24 days.");
}

/** Reads a size like `4GiB` as bytes. */
export function size(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Makes a function that reads whole numbers within bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

/** Reads the name of a worker. */
export function name(text: string): string {
  if (text.trim() !== "" && text.length <= limits.nameLength) return text;
  throw new InvalidArgumentError(`Expected a name of 1 to ${limits.nameLength} characters.`);
}

/** Reads `gpu=1,memory=2.5`; the option may be repeated. */
export function resources(text: string, earlier: Resources = {}): Resources {
  const all = { ...earlier };
  for (const part of text.split(",")) {
    const [, name, amount] = /^([^=\s]+)=(\d+(?:\.\d+)?)$/.exec(part.trim()) ?? [];
    if (name === undefined || name.length > limits.nameLength) {
      throw new InvalidArgumentError(`Expected name=amount, like gpu=1; got "${part}".`);
    }
    if (!isResourceName(name)) {
      throw new InvalidArgumentError(
        `Choose another name than ${JSON.stringify(name)} for a resource: without quotes, backslashes and control characters.`,
      );
    }
    all[name] = Number(amount);
  }
  if (Object.keys(all).length > limits.resources) {
    throw new InvalidArgumentError(`Expected at most ${limits.resources} resources.`);
  }
  return all;
}

/** Reads `gpu,highmem`; the option may be repeated. */
export function tags(text: string, earlier: string[] = []): string[] {
  const all = new Set(earlier);
  for (const part of text.split(",")) {
    const tag = part.trim();
    if (tag === "" || tag.length > limits.nameLength) {
      throw new InvalidArgumentError(`Expected tags, like gpu,highmem; got "${part}".`);
    }
    all.add(tag);
  }
  if (all.size <= limits.tags) return [...all];
  throw new InvalidArgumentError(`Expected at most ${limits.tags} tags.`);
}

/** Reads `[name=]module`; the option may be repeated. */
export function modules(text: string, earlier: ModuleSource[] = []): ModuleSource[] {
  return [...earlier, moduleSource(text)];
}

/** The address of a network interface of this machine. An interface that is not there is wrong usage. */
export function interfaceAddress(name: string): string {
  try {
    return addressOfInterface(name);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** How long before the end of their job scheduler and worker come to theirs; `what` says what they do. */
export function endMarginOption(what: string): Option {
  const description = `${what} so long before the time limit of the batch job (default: a tenth of the limit, from 10s to 2m)`;
  return new Option("--end-margin <duration>", description).argParser(timerDuration);
}
