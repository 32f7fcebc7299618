// What stands between the shell and the command line proper. Plain JavaScript that any Node can run:
// under one that is too old it goes on under the Node of the checkout's own `node_modules`, or says
// what is needed. Sources run as they are; a published package, where Node strips no types, has `dist/`.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @param {"scheduler" | "worker"} [role] the one command that this program is */
export async function launch(role) {
  if (!recent(process.versions.node)) return relaunch();
  const published = import.meta.url.includes("/node_modules/");
  const folder = new URL(published ? "../dist/cli/" : ".", import.meta.url);
  if (isToBeKept(role)) {
    const file = published ? "supervisor.js" : "./supervisor.ts";
    const { keepWorker } = await import(new URL(file, folder).href);
    return keepWorker();
  }
  const { main } = await import(new URL(published ? "main.js" : "./main.ts", folder).href);
  await main(role);
}

/**
 * A worker's process is the child of one that starts it anew when it dies. That one loads no more
 * than it needs, for it is there all the time: so it is told from the arguments as they stand.
 */
function isToBeKept(role) {
  if (role !== "worker" && process.argv[2] !== "worker") return false;
  return !process.env.THENCE_SUPERVISED && !process.argv.includes("--no-supervise");
}

function recent(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/** As like an exec as can be: same streams, signals handed on, same end. */
function relaunch() {
  const node = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(`thence needs Node 22.18 or newer; this is ${process.version}\n`);
    process.exitCode = 2;
    return;
  }
  // This process only waits from here on: no need to go on listing its arguments, `--token` for one.
  const args = process.argv.slice(1);
  process.title = "thence";
  // The channel closes when this process dies in whatever way, and main.ts ends with it.
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  const child = spawn(node, args, { stdio });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
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
