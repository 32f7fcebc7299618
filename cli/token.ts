// `thence token`: prints the token of a scheduler, or the view token, which only allows to look.

import { rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { readSchedulerFile, writeSchedulerFile } from "../src/meeting/scheduler-file.ts";
import { givenToken, viewTokenOf } from "../src/meeting/token.ts";
import { rightOf } from "../src/wire/rights.ts";
import { tokenFileHelp } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { withExample } from "./options.ts";

type Options = { view?: boolean; schedulerFile?: string; tokenFile?: string; output?: string };

export function tokenCommand(): Command {
  const command = new Command("token")
    .description(
      "Print the token of a scheduler, with which one can do everything, or the view token, with which one can look.",
    )
    .option("--view", "the view token: who has it sees the cluster, and changes nothing")
    .option("--scheduler-file <file>", "file of the scheduler; else $THENCE_SCHEDULER_FILE")
    .option("--token-file <file>", tokenFileHelp)
    .option(
      "--output <file>",
      "write it to a file that only you can read: a scheduler file where there is one, else the token alone",
    )
    .action(run);
  return withExample(
    command,
    "thence token --view --scheduler-file s.json --output view.json",
    "thence token --view --scheduler-file s.json",
  );
}

async function run(options: Options): Promise<void> {
  const { view, output, schedulerFile = process.env.THENCE_SCHEDULER_FILE } = options;
  const warn = (text: string) => void process.stderr.write(`thence: ${text}\n`);
  const file = schedulerFile ? await readSchedulerFile(schedulerFile, warn) : undefined;
  if (schedulerFile && !file) throw new Error(`${schedulerFile} is not there`);
  const found = (await givenToken({ ...options, warn })) ?? file?.token;
  if (found === undefined) {
    throw new UsageError(
      "say whose token: give --scheduler-file or --token-file, or set their variables",
    );
  }
  if (!view && rightOf(found) === "view") {
    throw new Error(
      `only the view token is in ${options.tokenFile ?? schedulerFile ?? "$THENCE_TOKEN"}: ` +
        "take the scheduler file that the scheduler wrote, or give --view",
    );
  }
  const token = view && rightOf(found) === "full" ? viewTokenOf(found) : found;
  if (output === undefined) return console.log(token);
  if (schedulerFile && resolve(output) === resolve(schedulerFile)) {
    throw new UsageError(
      "give another --output: the workers need the full token in the scheduler file",
    );
  }
  if (file) return writeSchedulerFile(output, { ...file, token });
  await rm(output, { force: true });
  await writeFile(output, `${token}\n`, { flag: "wx", mode: 0o600 });
}
