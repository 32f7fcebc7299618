// What the documentation shows is true: its TypeScript compiles with the settings that it gives, and
// the first program prints what is said beside it.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { blocksOf, programOf, readersConfig, root } from "./code-blocks.ts";

const folder = mkdtempSync(path.join(tmpdir(), "thence-docs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pages = [
  "README.md",
  ...[
    "docs/futures.md",
    "docs/durability.md",
    "docs/coordination.md",
    "docs/sub-tasks.md",
    "docs/programs.md",
    "docs/schedules.md",
    "docs/migrating.md",
    "docs/clusters.md",
  ],
];
const entries = {
  thence: "src/index.ts",
  "thence/worker": "worker/index.ts",
  "thence/cluster": "cluster/index.ts",
};

test(
  "the code blocks of each page compile, one after the other",
  { timeout: 120_000 },
  async () => {
    for (const page of pages) write(path.basename(page, ".md"), programOf(page));
    const { compilerOptions } = readersConfig();
    const paths = Object.entries(entries).map(([name, file]) => [name, [path.join(root, file)]]);
    const config = {
      compilerOptions: {
        ...compilerOptions,
        skipLibCheck: true,
        typeRoots: [path.join(root, "node_modules", "@types")],
        paths: Object.fromEntries(paths) as unknown,
      },
      include: ["*/*.ts"],
    };
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
    expect(await output([tsc, "-p", "."], folder)).toBe("");
  },
);

// Node 22 has no `await using`.
const runs = Number(process.versions.node.split(".")[0]) >= 24;

test.runIf(runs)("the first program prints what it says", { timeout: 60_000 }, async () => {
  const named = (name: string) => blocksOf("README.md").find((block) => block.startsWith(name));
  const main = named("// main.ts") ?? "";
  write("tour", new Map([["tasks.ts", named("// tasks.ts") ?? ""]]));
  write("tour", new Map([["main.ts", main.replace('"thence"', `"${root}/${entries.thence}"`)]]));
  const said = [...main.matchAll(/^console\.log\(.*\); \/\/ (.*?)(;.*)?$/gm)].map(
    ([, text]) => text,
  );
  expect(said.length).toBeGreaterThan(2);
  const printed = await output(["main.ts"], path.join(folder, "tour"));
  expect(printed.trimEnd().split("\n")).toEqual(said);
});

function write(name: string, files: Map<string, string>): void {
  const project = path.join(folder, name);
  mkdirSync(project, { recursive: true });
  writeFileSync(path.join(project, "package.json"), '{ "type": "module" }');
  for (const [file, text] of files) writeFileSync(path.join(project, file), text);
}

/** What a program prints; when it fails, with how. */
async function output(args: readonly string[], cwd: string): Promise<string> {
  const { NODE_COMPILE_CACHE: _cache, ...env } = process.env;
  const run = promisify(execFile)(process.execPath, args, { cwd, env, timeout: 100_000 });
  const { stdout, stderr } = await run.catch((error: unknown) => error as Record<string, string>);
  return `${stdout}${stderr}`;
}
