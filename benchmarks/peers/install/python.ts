// A Python virtual environment with the newest release of each peer, each installed by itself so that one
// that cannot be had takes no other with it.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { folder, nameOf, packageOf, type Outcome, type Part } from "./part.ts";
import { reasonOf, run } from "./run.ts";

const environment = fileURLToPath(new URL("python/", folder));
export const python = fileURLToPath(new URL("python/bin/python", folder));

/** Those that most packages have built releases for come before whatever is the machine's own. */
const candidates = [
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.14",
  "python3",
  "python3.10",
];

export async function installPython(part: Part, signal: AbortSignal): Promise<Outcome> {
  const missing = await makeEnvironment(signal);
  if (missing !== undefined) return { reason: missing };
  const pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--upgrade"];
  const { ok, output } = await run(python, [...pip, "--prefer-binary", nameOf(part)], { signal });
  if (!ok) return { reason: reasonOf(output) };
  const ask = `from importlib.metadata import version; print(version(${JSON.stringify(packageOf(part))}))`;
  const asked = await run(python, ["-c", ask], { signal });
  return asked.ok ? { version: asked.output.trim() } : { reason: reasonOf(asked.output) };
}

/** Of the environment; undefined when there is none. */
export async function pythonVersion(signal: AbortSignal): Promise<string | undefined> {
  const { ok, output } = await run(python, ["--version"], { signal });
  return ok ? output.trim().replace("Python ", "") : undefined;
}

/** Words on why there is none, if so. */
async function makeEnvironment(signal: AbortSignal): Promise<string | undefined> {
  if (existsSync(python)) return undefined;
  const tried: string[] = [];
  for (const candidate of candidates) {
    const works = await run(candidate, ["-c", "import ensurepip, venv"], { signal });
    if (!works.ok) continue;
    const { ok, output } = await run(candidate, ["-m", "venv", environment], { signal });
    if (ok) return undefined;
    tried.push(`${candidate}: ${reasonOf(output)}`);
  }
  return tried[0] ?? "no Python 3 with venv and pip is installed here";
}
