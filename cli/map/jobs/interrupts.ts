// Signals to `thence map`. SIGINT once, and SIGHUP, let the running jobs end and start no others;
// SIGINT twice, and SIGTERM, kill them. One more signal, or some seconds, end this process whatever it waits for,
// such as a reader of its output that does not read.

import { setTimeout } from "../../../src/timers.ts";
import { statusOfFailedRun } from "./exit-status.ts";

export type Interrupts = {
  /** Whether a signal has ended the run, so that it counts as failed. */
  readonly interrupted: boolean;
  /** The jobs are over: from now on a signal ends this process at once, whatever it still has to close. */
  stop(): void;
};

/** A terminal and a launcher may both pass one Ctrl-C on: within this time, in milliseconds, it is one. */
const sameRequestMs = 100;
/** Killed jobs have ended after this time, in milliseconds, or never will. */
const longestEndMs = 5_000;

export function listenForInterrupts(
  stopSoon: (signal: NodeJS.Signals) => void,
  stopNow: () => void,
): Interrupts {
  let soon: NodeJS.Signals | undefined;
  let interrupted = false;
  let isKilling = false;
  let repeats = false;
  const ignoreRepeats = () => {
    repeats = true;
    setTimeout(() => (repeats = false), sameRequestMs).unref();
  };
  const endProcess = () => process.exit(statusOfFailedRun);
  const now = () => {
    if (isKilling) {
      if (!repeats) endProcess();
      return;
    }
    isKilling = true;
    interrupted = true;
    ignoreRepeats();
    setTimeout(endProcess, longestEndMs).unref();
    stopNow();
  };
  const once = (signal: NodeJS.Signals) => {
    if (soon !== undefined || isKilling) {
      if (signal === "SIGINT" && !repeats) now();
      return;
    }
    soon = signal;
    interrupted = signal === "SIGINT";
    ignoreRepeats();
    stopSoon(signal);
  };
  process.on("SIGINT", once);
  if (process.env["THENCE_SIGHUP"] !== "ignored") process.on("SIGHUP", once);
  process.on("SIGTERM", now);
  return {
    get interrupted() {
      return interrupted;
    },
    stop: () => {
      process.off("SIGINT", once);
      process.off("SIGHUP", once);
      process.off("SIGTERM", now);
      process.on("SIGINT", endProcess);
      process.on("SIGTERM", endProcess);
    },
  };
}
