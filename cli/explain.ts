// `thence explain`: prints why a task is in its state.

import { Command } from "commander";
import type { Explanation } from "../src/wire/facts.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { withExample } from "./options.ts";
import { printable, table } from "./output.ts";

type Options = ConnectionOptions & { json?: boolean };

export function explainCommand(): Command {
  const command = new Command("explain")
    .description("Say why a task is in its state, and what it waits for.")
    .argument("<key>", "the key of the task, as in an error or `future.key`")
    .option("--json", "print the facts as JSON")
    .action(run);
  return withExample(
    withConnectionOptions(command, "limit on the time to connect (default: 10s)"),
    "thence explain --scheduler-file s.json add-3kTzQ0aB9x-0",
  );
}

async function run(key: string, options: Options): Promise<void> {
  const connection = { ...options, name: "thence explain", timeoutMs: options.timeout ?? 10_000 };
  const facts = await withClient(connection, (client) => client.explain(key));
  console.log(options.json ? JSON.stringify(facts, null, 2) : explanationText(facts));
}

/** The facts as text for people. */
export function explanationText(facts: Explanation): string {
  const { attempt, worker, progress, missingInputs, wantedBy, losses, history } = facts;
  const lines = [
    `${facts.key} is ${facts.state}: ${facts.why}`,
    "",
    `function    ${facts.function}`,
    `attempts    ${attempt}`,
  ];
  if (worker !== undefined) lines.push(`worker      ${worker}`);
  if (progress)
    lines.push(`progress    ${Math.round(progress.fraction * 100)}%  ${progress.text ?? ""}`);
  if (missingInputs.length > 0) lines.push(`waits for   ${missingInputs.join(", ")}`);
  lines.push(`wanted by   ${wantedBy.join(", ") || "no client"}; ${facts.dependents} dependents`);
  for (const loss of losses) lines.push(`lost with   ${loss.worker}: ${loss.how}`);
  const text = lines.map((line) => printable(line).trimEnd()).join("\n");
  if (history.length === 0) return text;
  const rows = history.map(({ at, from, to, why }) => [
    new Date(at).toISOString(),
    from ?? "",
    to,
    why,
  ]);
  return `${text}\n\n${table(["when", "from", "to", "why"], rows)}`;
}
