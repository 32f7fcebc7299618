// Runs another program from a script, with the script's output and exit code.

import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";

/** Runs a program. When it fails, this process exits with its code. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<void> {
  const child = spawn(command, args, { stdio: "inherit", ...options });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  console.error(`${command} ${args.join(" ")}: ended with ${code ?? signal}`);
  process.exit(code ?? 1);
}
