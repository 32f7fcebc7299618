// `npm run check-package`: packs this package, installs it into an empty project and uses it there as
// the README says: the command line, the types of the README's programs, and a job with `Client.local`.
// Also checks that the README links only to published files.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { programOf, readersConfig } from "../test/examples/code-blocks.ts";

const root = path.dirname(import.meta.dirname);
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  version: string;
};

const tour = programOf("README.md");
const files = {
  "package.json": JSON.stringify({ name: "uses-thence", private: true, type: "module" }),
  "tasks.ts": `import { currentTask } from "thence/worker";
export const add = (x: number, y: number): number => x + y;
export const key = (): string => currentTask().key;
`,
  "tour/tasks.ts": tour.get("tasks.ts") ?? "",
  "tour/main.ts": tour.get("main.ts") ?? "",
  "main.ts": `import { Client, type Future } from "thence";
const client = await Client.local<typeof import("./tasks.ts")>({ modules: ["./tasks.ts"], threads: 1 });
const sum: Future<number> = client.submit("add", client.submit("add", 1, 2), 3);
// @ts-expect-error add takes numbers
const wrong = (): unknown => client.submit("add", "1", 2);
const key = client.submit("key");
console.log(await sum.result(), (await key.result()) === key.key, typeof wrong);
await client.close();
`,
  "cluster.ts": `import { SlurmCluster } from "thence/cluster";
export const start = () => SlurmCluster.start<typeof import("./tasks.ts")>({ modules: ["./tasks.ts"] });
`,
  "tsconfig.json": JSON.stringify(readersConfig()),
};

const folder = mkdtempSync(path.join(tmpdir(), "thence-package-"));
const project = path.join(folder, "project");
try {
  const pack = ["pack", "--json", "--silent", "--pack-destination", folder];
  const [packed] = JSON.parse(await output("npm", pack, root)) as [Packed];
  const tarball = path.join(folder, packed.filename);
  const stray = packed.files.map((file) => file.path).filter((file) => !isPublished(file));
  same("files that should not be published", stray.join(" "), "");

  const published = new Set(packed.files.map((file) => file.path));
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = ""]) => link);
  const dead = links.filter((link) => !published.has(link));
  same("links of the README to what is not published", dead.join(" "), "");

  mkdirSync(path.join(project, "tour"), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(project, name), text);
  const install = ["install", "--no-audit", "--no-fund"];
  await output("npm", [...install, tarball], project);
  await output("npm", [...install, "-D", "typescript", "@types/node@24"], project);

  same(
    "npx thence version",
    await output("npx", ["thence", "version"], project),
    `thence ${version}`,
  );
  same("types", await output("npx", ["tsc"], project), "");
  const stricter = ["tsc", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  same("types, more strictly", await output("npx", stricter, project), "");
  same("job", await output(process.execPath, ["main.ts"], project), "6 true function");
  const size = `${packed.files.length} files, ${Math.round(packed.size / 1000)} kB`;
  console.log(`${packed.filename}: ${size}, installs and works`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

type Packed = { filename: string; size: number; files: { path: string }[] };

function isPublished(file: string): boolean {
  return (
    /^dist\/.*\.(js|d\.ts)$/.test(file) ||
    /^cli\/[\w-]+\.js$/.test(file) ||
    /^(docs\/.*\.md|examples\/.*\.(ts|md|sbatch)|benchmarks\/.*(README\.md|\.svg))$/.test(file) ||
    /^(README\.md|ARCHITECTURE\.md|CHANGELOG\.md|SECURITY\.md|LICENSE|package\.json)$/.test(file)
  );
}

function same(what: string, found: string, wanted: string): void {
  if (found === wanted) return;
  throw new Error(`${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

/** Runs a command and returns its standard output; when it fails, the error has its whole output. */
async function output(command: string, args: readonly string[], cwd: string): Promise<string> {
  const node = path.dirname(process.execPath);
  const env = { ...process.env, PATH: `${node}${path.delimiter}${process.env["PATH"]}` };
  const options = { cwd, env, maxBuffer: 64 * 1024 * 1024, timeout: 300_000 };
  try {
    const { stdout } = await promisify(execFile)(command, args, options);
    return stdout.trim();
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")} failed\n${stdout ?? ""}${stderr ?? ""}`, {
      cause: error,
    });
  }
}
