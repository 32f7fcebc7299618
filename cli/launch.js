// The launcher of the command line: plain JavaScript that any version of Node can run. On a version
// that is too old, it runs the Node of the npm package `node`, when that is installed beside this
// package or above it, or says which version is needed.
// A checkout runs the .ts files; a published package runs `dist/`.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { endUntilDaemonListens } from "./signals.js";

/** @param {"scheduler" | "worker"} [role] the only command of this program */
export async function launch(role) {
  if (["scheduler", "worker"].includes(role ?? process.argv[2])) endUntilDaemonListens();
  if (!recent(process.versions.node)) return relaunch();
  const published = import.meta.url.includes("/node_modules/");
  const folder = new URL(published ? "../dist/cli/" : ".", import.meta.url);
  const supervised = supervisedRole(role);
  if (supervised) {
    const file = published ? "supervisor.js" : "./supervisor.ts";
    const { superviseScheduler, superviseWorker } = await import(new URL(file, folder).href);
    return supervised === "worker" ? superviseWorker() : superviseScheduler();
  }
  // It has a grammar of its own, and starts faster without that of the other commands.
  if (role === undefined && process.argv[2] === "map") {
    const cache = published ? "../src/compile-cache.js" : "../src/compile-cache.ts";
    const { useCompileCache } = await import(new URL(cache, folder).href);
    useCompileCache();
    restoreVariables();
    const { map } = await import(new URL(published ? "map.js" : "./map.ts", folder).href);
    return map(process.argv.slice(3));
  }
  const { main } = await import(new URL(published ? "main.js" : "./main.ts", folder).href);
  await main(role);
}

/** Takes the variables that the shell in bin.js could not hold. */
function restoreVariables() {
  const texts = Buffer.from(process.env.THENCE_VARIABLES ?? "", "base64")
    .toString()
    .split("\0");
  delete process.env.THENCE_VARIABLES;
  for (const text of texts.filter(Boolean)) {
    const [, name, value] = /^([^=]+)=([^]*)$/.exec(text);
    process.env[name] = value;
  }
}

/**
 * Whose supervisor to start, which runs the daemon as its child process: a worker's, or that of a scheduler
 * with a journal. The supervisor must stay small, so the arguments are inspected here without the code
 * that parses them.
 */
function supervisedRole(role = process.argv[2]) {
  if (process.env.THENCE_SUPERVISED || process.argv.includes("--no-supervise")) return undefined;
  const hasJournal = process.argv.some((text) => /^--journal(=|$)/.test(text));
  return role === "worker" || (role === "scheduler" && hasJournal) ? role : undefined;
}

function recent(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/** The folders of the npm packages `node` that are recent enough, the nearest first. */
function newerNodes() {
  // As the command was called: a package may be installed as a link to a folder elsewhere.
  const called = new URL(".", pathToFileURL(process.argv[1]));
  return [new URL("..", import.meta.url), called]
    .flatMap(foldersAbove)
    .map((folder) => new URL("node_modules/node/", folder))
    .filter(isRecentPackage);
}

/** A folder and all above it. */
function foldersAbove(folder) {
  const above = new URL("..", folder);
  return above.href === folder.href ? [folder] : [folder, ...foldersAbove(above)];
}

function isRecentPackage(folder) {
  try {
    return recent(JSON.parse(readFileSync(new URL("package.json", folder), "utf8")).version);
  } catch {
    return false;
  }
}

/** As in src/child-flags.ts, which a Node that is too old cannot load. */
const withoutDebugger = [
  "--no-inspect",
  "--no-inspect-brk",
  "--no-inspect-wait",
  "--inspect-port=192.0.2.1:9229",
];

/** Runs this program again on the other Node: with the same streams, signals and exit code. */
function relaunch() {
  const packages = newerNodes().map((folder) => fileURLToPath(folder));
  const node = packages.map((folder) => join(folder, "bin", "node")).find(existsSync);
  if (node === undefined) {
    process.stderr.write(`thence needs Node 22.18 or newer; this is ${process.version}\n`);
    // The executable is missing when npm was not allowed to run the package's install script.
    for (const folder of packages.slice(0, 1)) {
      process.stderr.write(
        `${folder} has no executable: run npm rebuild node, with its install script allowed\n`,
      );
    }
    process.exitCode = 2;
    return;
  }
  // This process only waits from here on, so its title can hide its arguments, such as `--token`.
  const args = process.argv.slice(1);
  process.title = "thence";
  // The channel closes when this process dies, for whatever reason, and then the child ends too.
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  const child = spawn(node, [...withoutDebugger, ...args], { stdio });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
  for (const signal of signals) {
    if (signal === "SIGHUP" && process.env.THENCE_SIGHUP === "ignored") continue;
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    process.stderr.write(`thence: cannot run ${node}: ${error.message}\n`);
    process.exitCode = 2;
  });
  child.on("exit", (code, signal) => {
    for (const name of signals) process.removeAllListeners(name);
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code ?? 1;
  });
}
