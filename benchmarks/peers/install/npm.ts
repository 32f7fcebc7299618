// npm packages in a folder of their own, so that ours stays as it is.

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { folder, nameOf, type Outcome, type Part } from "./part.ts";
import { reasonOf, run } from "./run.ts";

export const npmFolder = fileURLToPath(new URL("npm/", folder));

export async function installNpm(part: Part, signal: AbortSignal): Promise<Outcome> {
  await mkdir(npmFolder, { recursive: true });
  const manifest = `${npmFolder}package.json`;
  if (!existsSync(manifest)) await writeFile(manifest, '{ "private": true }\n');
  const how = ["install", "--prefix", npmFolder, "--no-audit", "--no-fund", "--ignore-scripts"];
  const options = { cwd: npmFolder, signal };
  const { ok, output } = await run("npm", [...how, `${nameOf(part)}@latest`], options);
  if (!ok) return { reason: reasonOf(output) };
  const text = await readFile(`${npmFolder}node_modules/${nameOf(part)}/package.json`, "utf8");
  return { version: (JSON.parse(text) as { version: string }).version };
}
