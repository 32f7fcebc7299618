// The command line: `thence <command>`. Each command is a file that reads options, calls one role and
// prints. This file combines the commands and sets the exit code. A command loads its role only when
// it runs, so that help is fast.

import { Command, CommanderError } from "commander";
import { version } from "../src/version.ts";
import { exitCodeOf, messageOf } from "./exit-code.ts";
import { cancelCommand } from "./cancel.ts";
import { clusterCommand } from "./cluster.ts";
import { doctorCommand } from "./doctor.ts";
import { eventsCommand } from "./events.ts";
import { explainCommand } from "./explain.ts";
import { withExample } from "./options.ts";
import { resultCommand } from "./result.ts";
import { retryCommand } from "./retry.ts";
import { runCommand } from "./run.ts";
import { scheduleCommand } from "./schedule.ts";
import { schedulerCommand } from "./scheduler.ts";
import { statusCommand } from "./status.ts";
import { submitCommand } from "./submit.ts";
import { tasksCommand } from "./tasks.ts";
import { tokenCommand } from "./token.ts";
import { workerCommand } from "./worker.ts";

const daemons = { scheduler: schedulerCommand, worker: workerCommand };

/**
 * Runs the command that the arguments of this process name.
 *
 * The exit code is 0 for success, 1 for a failure and 2 for wrong usage.
 *
 * @param daemon the only command of this program, for `thence-scheduler` and `thence-worker`
 */
export async function main(daemon?: keyof typeof daemons): Promise<void> {
  // The reader of the output may stop early, as in `thence status | head`. That is not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`thence: cannot write to standard output: ${error.message}\n`, () =>
      process.exit(1),
    );
  });
  process.stderr.on("error", () => undefined);

  const program = daemon ? daemons[daemon]().name(`thence-${daemon}`) : thenceCommand();
  overrideExit(program);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    // Commander has printed the error or the help already.
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    process.stderr.write(`${program.name()}: ${messageOf(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

/** Commander throws instead of ending the process, for the commands of commands too. */
function overrideExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExit);
}

/** `thence` with every command. */
export function thenceCommand(): Command {
  const program = new Command("thence")
    // Descriptions of commands have 38 columns on a terminal of 80; this lets them wrap.
    .configureHelp({ minWidthToWrap: 20 })
    .description("Distributed futures for TypeScript, over WebSocket.")
    .version(`thence ${version}`, "-V, --version", "print the version")
    .helpCommand("help [command]", "print the help of a command")
    .addCommand(schedulerCommand())
    .addCommand(workerCommand())
    // The options after its script are the script's.
    .enablePositionalOptions()
    .addCommand(runCommand())
    .addCommand(clusterCommand())
    .addCommand(submitCommand())
    .addCommand(resultCommand())
    .addCommand(tasksCommand())
    .addCommand(cancelCommand())
    .addCommand(retryCommand())
    .addCommand(statusCommand())
    .addCommand(scheduleCommand())
    .addCommand(explainCommand())
    .addCommand(eventsCommand())
    .addCommand(tokenCommand())
    .addCommand(doctorCommand())
    .addCommand(mapCommand())
    .addCommand(versionCommand())
    .showSuggestionAfterError();
  return withExample(
    program,
    "thence scheduler --scheduler-file s.json",
    "thence worker --scheduler-file s.json --module ./tasks.ts",
    "thence submit --scheduler-file s.json add 1 10",
  );
}

/** For the help: the launcher passes `thence map` on to map.ts, which has a grammar of its own. */
function mapCommand(): Command {
  const command = new Command("map")
    .description("Run a command or call a function for each input, in the grammar of GNU Parallel.")
    .usage("[options] command … (::: values | :::: files)…")
    .addHelpText("after", "\n`thence map --help` has its options.");
  return withExample(command, "thence map gzip ::: *.log");
}

function versionCommand(): Command {
  const command = new Command("version")
    .description("print the version")
    .action(() => console.log(`thence ${version}`));
  return withExample(command, "thence version");
}
