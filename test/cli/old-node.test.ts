// On a Node that is too old: the command line and the import say the same words, and the command line
// looks for the npm package `node`, beside this package and above it.

import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { node, reap, root, type Program } from "../processes.ts";

const old =
  'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})';
const words = /thence needs Node 22\.18 or newer; this is v/;

let project: string;
beforeEach(async () => {
  project = await mkdtemp(path.join(tmpdir(), "thence-old-node-"));
  const installed = path.join(project, "node_modules", "thence");
  await cp(path.join(root, "cli"), path.join(installed, "cli"), { recursive: true });
  await cp(path.join(root, "package.json"), path.join(installed, "package.json"));
});
afterEach(async () => {
  await reap();
  await rm(project, { recursive: true });
});

function run(...args: string[]): Program {
  return node(args, { flags: ["--import", `data:text/javascript,${old}`], cwd: project });
}

async function installNode(version: string, withExecutable = true): Promise<void> {
  const folder = path.join(project, "node_modules", "node");
  await mkdir(path.join(folder, "bin"), { recursive: true });
  await writeFile(path.join(folder, "package.json"), JSON.stringify({ name: "node", version }));
  if (!withExecutable) return;
  const executable = path.join(folder, "bin", "node");
  await writeFile(executable, '#!/bin/sh\necho "the newer node: $@"\n');
  await chmod(executable, 0o755);
}

const command = () => path.join(project, "node_modules", "thence", "cli", "bin.js");

test.each([["src/index.ts"], ["worker/index.ts"]])("an import of %s says so", async (face) => {
  const { how, stderr } = await run(path.join(root, face)).ended;
  expect(how).toBe(1);
  expect(stderr).toMatch(words);
});

test("the command line says so, in the same words, with 2", async () => {
  const { how, stderr } = await run(command(), "version").ended;
  expect(how).toBe(2);
  expect(stderr).toMatch(words);
});

test("the command line runs on the package `node` beside it", async () => {
  await installNode("24.1.0");
  const { how, stdout } = await run(command(), "version").ended;
  expect(how).toBe(0);
  expect(stdout).toMatch(/^the newer node: .*bin\.js version$/m);
});

test("the command line is itself a link, as npm makes it, to a package that is a link, as pnpm does", async () => {
  const modules = path.join(project, "node_modules");
  const store = await mkdtemp(path.join(tmpdir(), "thence-store-"));
  try {
    await rename(path.join(modules, "thence"), path.join(store, "thence"));
    await symlink(path.join(store, "thence"), path.join(modules, "thence"));
    await mkdir(path.join(modules, ".bin"));
    await symlink("../thence/cli/bin.js", path.join(modules, ".bin", "thence"));
    await installNode("24.1.0");
    for (const each of [command(), path.join(modules, ".bin", "thence")]) {
      const { how, stdout } = await run(each, "version").ended;
      expect(how).toBe(0);
      expect(stdout).toMatch(/^the newer node: .* version$/m);
    }
  } finally {
    await rm(store, { recursive: true });
  }
});

test.each([
  ["too old itself", "20.1.0", true, /^$/],
  ["without its executable", "24.1.0", false, /has no executable: run npm rebuild node/],
])("a package `node` that is %s is of no use", async (_, version, withExecutable, more) => {
  await installNode(version, withExecutable);
  const { how, stderr } = await run(command(), "version").ended;
  expect(how).toBe(2);
  const [first, second = ""] = stderr.split("\n");
  expect(first).toMatch(words);
  expect(second).toMatch(more);
});

test("package.json names the same version", async () => {
  const { engines } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  expect(engines.node).toBe(">=22.18");
});
