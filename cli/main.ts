// The command line: `thence <command>`. Each command is a file of its own that reads options, calls
// one role and prints; this one puts them together and says how a command ends. Commands load the
// role they call when they run, so that help does not wait for all three.

import { Command, CommanderError } from "commander";
import { version } from "../src/version.ts";
import { exitCodeOf, messageOf } from "./exit-code.ts";
import { explainCommand } from "./explain.ts";
import { withExample } from "./options.ts";
import { schedulerCommand } from "./scheduler.ts";
import { statusCommand } from "./status.ts";
import { submitCommand } from "./submit.ts";
import { workerCommand } from "./worker.ts";

const daemons = { scheduler: schedulerCommand, worker: workerCommand };

/**
 * Runs the command that the arguments of this process name, or the one daemon that this program is.
 * Sets the exit code: 0 done, 1 failed, 2 wrong usage.
 */
export async function main(daemon?: keyof typeof daemons): Promise<void> {
  // Whoever reads our output may stop reading, `| head` for one: nothing to report.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`thence: what it printed could not be written: ${error.message}\n`, () =>
      process.exit(1),
    );
  });
  process.stderr.on("error", () => undefined);

  const program = daemon ? daemons[daemon]().name(`thence-${daemon}`) : thence();
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    // Commander has said what was wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    process.stderr.write(`${program.name()}: ${messageOf(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

function thence(): Command {
  const program = new Command("thence")
    // The descriptions of the commands stand beside long names: at 80 columns there are 38 for them.
    .configureHelp({ minWidthToWrap: 20 })
    .description("Distributed futures for TypeScript, over WebSocket.")
    .version(`thence ${version}`, "-V, --version", "print the version")
    .helpCommand("help [command]", "print what a command does and takes")
    .addCommand(schedulerCommand())
    .addCommand(workerCommand())
    .addCommand(submitCommand())
    .addCommand(statusCommand())
    .addCommand(explainCommand())
    .showSuggestionAfterError();
  program
    .command("version")
    .description("print the version")
    .action(() => console.log(`thence ${version}`));
  return withExample(
    program,
    "thence scheduler --scheduler-file s.json",
    "thence worker --scheduler-file s.json --module ./tasks.ts",
    "thence submit --scheduler-file s.json add 1 10",
  );
}
