// What has to be settled about signals before anything else runs; the launchers import it first. Plain
// JavaScript that any version of Node can run.
//
// SIGHUP: `nohup` starts a program with SIGHUP ignored, and Node forgets that when it starts. So the
// launchers are shell scripts first, and leave in $THENCE_SIGHUP whether SIGHUP was ignored.
//
// SIGUSR1: Node opens a debugger's port when it arrives, and every user of the machine can run code by
// that port. A listener prevents it. Before there is one, the launchers give the debugger an address that no
// machine has. (`--disable-sigusr1` of Node blocks the signal, so that no listener would hear it.)
//
// Signals that ask a daemon to end: they end it with 0 while it loads, too, and while the launcher is a shell.
// In between, while Node starts, they still kill it.

import { readFileSync } from "node:fs";
import inspector from "node:inspector";

/** How long, in milliseconds, a signal waits for the part of the program that acts on it. */
const retryMs = 50;

for (const signal of ["SIGUSR1", "SIGUSR2"]) {
  // Until a daemon listens, the signal is kept for it. Commands that are no daemons ignore it.
  const keep = () => {
    if (process.listenerCount(signal) > 1) return;
    setTimeout(() => process.emit(signal, signal), retryMs).unref();
  };
  process.on(signal, keep);
}

process.env.THENCE_SIGHUP ||= wasIgnored() ? "ignored" : "default";
if (process.env.THENCE_SIGHUP === "ignored") process.on("SIGHUP", () => undefined);

if (!process.execArgv.some((flag) => /^--inspect(-brk|-wait)?(=|$)/.test(flag))) closeDebugger();

/** Until a daemon listens itself, a request to end finds nothing to put in order: it ends with 0 at once. */
export function endUntilDaemonListens() {
  const signals = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGXCPU"];
  if (process.env.THENCE_SIGHUP !== "ignored") signals.push("SIGHUP");
  for (const signal of signals) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(0);
    });
  }
}

/** For `node cli/bin.js`, without the shell: whether `nohup` or a parent that ignores SIGHUP started this. */
function wasIgnored() {
  if (/(^|\/)nohup$/.test(process.env._ ?? "")) return true;
  try {
    const status = readFileSync(`/proc/${process.ppid}/status`, "utf8");
    const [, ignored = "0"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status) ?? [];
    return (Number.parseInt(ignored.slice(-1), 16) & 1) === 1;
  } catch {
    return false;
  }
}

/** Closes the debugger that NODE_OPTIONS opened, or a signal that came before the listener above. */
function closeDebugger() {
  const close = () => {
    if (inspector.url() !== undefined) inspector.close();
  };
  close();
  // The debugger is opened a moment after its signal.
  const again = setInterval(close, 5).unref();
  setTimeout(() => clearInterval(again), 500).unref();
}
