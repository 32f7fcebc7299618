// `thence doctor`: says what stands between this machine, the scheduler and the workers.

import { Command } from "commander";
import { targetFinder } from "../src/meeting/target.ts";
import { tokenFileHelp } from "./connection.ts";
import { messageOf, UsageError } from "./exit-code.ts";
import { timerDuration, withExample } from "./options.ts";
import { printable } from "./output.ts";
import { tlsCaHelp } from "./tls.ts";

type Options = {
  schedulerFile?: string;
  tokenFile?: string;
  tlsCa?: string;
  timeout?: number;
  json?: boolean;
};

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("Say what stands between this machine, a scheduler and its workers.")
    .argument("[address]", "address of the scheduler, ws://host:port; else $THENCE_ADDRESS")
    .option("--scheduler-file <file>", "file of the scheduler; else $THENCE_SCHEDULER_FILE")
    .option("--token-file <file>", tokenFileHelp)
    .option("--tls-ca <file>", tlsCaHelp)
    .option("--timeout <duration>", "limit on each attempt to connect (default: 5s)", timerDuration)
    .option("--json", "print the findings as JSON")
    .action(run);
  return withExample(
    command,
    "thence doctor --scheduler-file s.json",
    "thence doctor ws://10.1.0.7:8786 --token-file t",
  );
}

async function run(given: string | undefined, options: Options): Promise<void> {
  const { THENCE_ADDRESS, THENCE_SCHEDULER_FILE } = process.env;
  const isGiven = given !== undefined || options.schedulerFile !== undefined;
  const address = isGiven ? given : THENCE_ADDRESS || undefined;
  const schedulerFile = isGiven ? options.schedulerFile : THENCE_SCHEDULER_FILE || undefined;
  try {
    targetFinder({ ...options, address, schedulerFile });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  const { examine } = await import("../cluster/doctor/doctor.ts");
  const { findingsText } = await import("../cluster/doctor/findings.ts");
  const { tokenFile, timeout: timeoutMs = 5_000 } = options;
  const tlsCa = options.tlsCa ?? (process.env.THENCE_TLS_CA || undefined);
  const findings = await examine({ address, schedulerFile, tokenFile, tlsCa, timeoutMs });
  const shown = findings.map((finding) => ({ ...finding, text: printable(finding.text) }));
  console.log(options.json ? JSON.stringify(shown, null, 2) : findingsText(shown));
  process.exitCode = findings.some(({ mark }) => mark === "fail") ? 1 : 0;
}
