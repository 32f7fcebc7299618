// `npm run on-node -- 22.18.0 test`: runs an npm script of this package on another version of Node,
// which is installed from the npm package `node` into .nodes/<version> when needed.
//
// The script's command is run directly, because `npm run` would put node_modules/.bin, which has the
// pinned Node, first on the path.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { runTool } from "./run-tool.ts";

const root = path.dirname(import.meta.dirname);

const [version, script, ...args] = process.argv.slice(2);
if (version === undefined || script === undefined || !/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error("usage: npm run on-node -- VERSION SCRIPT [ARGUMENT …]");
  console.error("       npm run on-node -- 22.18.0 test");
  process.exit(2);
}

const text = scriptText(script);
const node = await installedNode(version);
console.error(`> ${script} on Node ${execFileSync(node, ["--version"], { encoding: "utf8" })}`);
await runTool("sh", ["-c", `${text} "$@"`, script, ...args], {
  cwd: root,
  env: {
    ...process.env,
    PATH: [path.dirname(node), path.join(root, "node_modules", ".bin"), pathWithoutBin()].join(
      path.delimiter,
    ),
    // test/house/node.test.ts checks that the tests ran on this version.
    THENCE_TEST_NODE: version,
  },
});

function scriptText(name: string): string {
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const found = manifest.scripts[name];
  if (found === undefined) {
    console.error(`no script "${name}"; scripts: ${Object.keys(manifest.scripts).join(", ")}`);
    process.exit(2);
  }
  if (/\bnp[mx]\b/.test(found)) {
    console.error(`script "${name}" calls npm, which would use the pinned Node: ${found}`);
    process.exit(2);
  }
  return found;
}

/** The path of the Node executable of a version, which is installed first when needed. */
async function installedNode(wanted: string): Promise<string> {
  const folder = path.join(root, ".nodes", wanted);
  const executable = path.join(folder, "node_modules", "node", "bin", "node");
  if (!existsSync(executable)) {
    mkdirSync(folder, { recursive: true });
    // The package's install script fetches the executable; newer npm requires permission for that.
    const manifest = { private: true, allowScripts: { node: true } };
    writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
    await runTool("npm", ["install", "--no-save", "--no-audit", "--no-fund", `node@${wanted}`], {
      cwd: folder,
    });
  }
  return executable;
}

/** The path without the node_modules/.bin folders that npm has added. */
function pathWithoutBin(): string {
  return (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((entry) => !entry.endsWith(path.join("node_modules", ".bin")))
    .join(path.delimiter);
}
