// Programs of Debian: those already installed here, else its packages unpacked into the folder. So no
// root is needed, and no server is started by a package.

import { readdir, mkdir } from "node:fs/promises";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { folder, nameOf, type Outcome, type Part } from "./part.ts";
import { reasonOf, run } from "./run.ts";

const debianFolder = fileURLToPath(new URL("debian/", folder));
const unpacked = join(debianFolder, "root");

export async function installDebian(part: Part, signal: AbortSignal): Promise<Outcome> {
  const name = nameOf(part);
  if (programPath(name) === undefined) {
    const reason = await unpack(name, signal);
    if (reason !== undefined) return { reason };
  }
  const program = programPath(name);
  if (program === undefined) return { reason: `its packages hold no program ${name}` };
  const { ok, output } = await run(program, ["--version"], { env: programEnvironment(), signal });
  const version = /\d[\d.]*\d/.exec(output)?.[0];
  return ok && version !== undefined ? { version } : { reason: reasonOf(output) };
}

/** Where a program is, on the PATH or unpacked. */
export function programPath(name: string): string | undefined {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  return [...path, join(unpacked, "usr/bin")]
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, name))
    .find((file) => existsSync(file));
}

/** With the libraries that were unpacked beside the programs. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const library = join(unpacked, "usr/lib");
  if (!existsSync(library)) return process.env;
  const folders = readdirSync(library)
    .filter((name) => name.includes("-linux-"))
    .map((name) => join(library, name));
  const own = process.env["LD_LIBRARY_PATH"];
  const all = own === undefined ? folders : [...folders, own];
  return { ...process.env, LD_LIBRARY_PATH: all.join(delimiter) };
}

/** Words on why it could not be done, if so. */
async function unpack(name: string, signal: AbortSignal): Promise<string | undefined> {
  const archives = join(debianFolder, "archives");
  const lists = join(debianFolder, "lists");
  for (const directory of [archives, lists]) {
    await mkdir(join(directory, "partial"), { recursive: true });
  }
  const own = [
    ...["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"],
    ...["-o", `Dir::Cache=${debianFolder}`, "-o", `Dir::Cache::archives=${archives}`],
    ...["-o", `Dir::State::lists=${lists}`],
  ];
  const updated = await run("apt-get", [...own, "update"], { signal });
  if (!updated.ok) return reasonOf(updated.output);
  const get = ["install", "--yes", "--download-only", "--no-install-recommends", name];
  const got = await run("apt-get", [...own, ...get], { signal });
  if (!got.ok) return reasonOf(got.output);
  for (const archive of (await readdir(archives)).filter((file) => file.endsWith(".deb"))) {
    const put = await run("dpkg-deb", ["--extract", join(archives, archive), unpacked], { signal });
    if (!put.ok) return reasonOf(put.output);
  }
  return undefined;
}
