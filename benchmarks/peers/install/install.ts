// Installs what the peers need, once: what came of it is kept beside it. What could not be had is tried
// again by the next run.

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { installDebian } from "./debian.ts";
import { installNpm } from "./npm.ts";
import { folder, type Outcome, type Part } from "./part.ts";
import { installPython } from "./python.ts";

export type Installed = ReadonlyMap<Part, Outcome>;

const record = new URL("installed.json", folder);

export async function install(
  parts: Iterable<Part>,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<Installed> {
  await mkdir(folder, { recursive: true });
  const kept = existsSync(record) ? await readFile(record, "utf8") : "{}";
  const outcomes = new Map(Object.entries(JSON.parse(kept) as Record<Part, Outcome>)) as Map<
    Part,
    Outcome
  >;
  for (const part of new Set(parts)) {
    const before = outcomes.get(part);
    if (before !== undefined && "version" in before) continue;
    report(`installing ${part}`);
    const outcome = await installOne(part, signal);
    signal.throwIfAborted();
    report("version" in outcome ? `  ${outcome.version}` : `  cannot be had: ${outcome.reason}`);
    outcomes.set(part, outcome);
    await writeFile(record, `${JSON.stringify(Object.fromEntries(outcomes), null, 1)}\n`);
  }
  return outcomes;
}

async function installOne(part: Part, signal: AbortSignal): Promise<Outcome> {
  try {
    if (part.startsWith("python:")) return await installPython(part, signal);
    if (part.startsWith("npm:")) return await installNpm(part, signal);
    return await installDebian(part, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
