// The options that every benchmark has, and what is done about wrong ones.

import { parseArgs } from "node:util";

export type CommandLine = {
  /** Names given on the command line, in the order of the table; all of them by default. */
  chosen: string[];
  repeat: number;
  quick: boolean;
  json: string | undefined;
  /** Of the options that only this benchmark has. */
  more: Record<string, string | undefined>;
};

export type CommandLineOptions = {
  help: string;
  /** What may be chosen. */
  names: readonly string[];
  defaultRepeat: number;
  /** Options with a value that only this benchmark has. */
  more?: readonly string[];
};

/** Undefined when there is nothing to do but what has been printed; the exit code is then set. */
export function readCommandLine(options: CommandLineOptions): CommandLine | undefined {
  const { help, names, defaultRepeat, more = [] } = options;
  const refuse = (message: string): undefined => {
    process.stderr.write(`${message}\n\n${help}`);
    process.exitCode = 2;
    return undefined;
  };
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        repeat: { type: "string" },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        help: { type: "boolean", default: false },
        ...Object.fromEntries(more.map((name) => [name, { type: "string" } as const])),
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  const { positionals } = parsed;
  const values = parsed.values as Record<string, string | boolean | undefined>;
  if (values["help"] === true) {
    process.stdout.write(help);
    return undefined;
  }
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) return refuse(`There is nothing here called "${unknown}".`);
  const quick = values["quick"] === true;
  const repeat = Number(values["repeat"] ?? (quick ? 1 : defaultRepeat));
  if (!Number.isInteger(repeat) || repeat < 1) {
    return refuse(`--repeat takes a whole number from 1, not "${String(values["repeat"])}".`);
  }
  const textOf = (name: string) => values[name] as string | undefined;
  return {
    chosen: names.filter((name) => positionals.length === 0 || positionals.includes(name)),
    repeat,
    quick,
    json: textOf("json"),
    more: Object.fromEntries(more.map((name) => [name, textOf(name)])),
  };
}
