// Runs a daemon: starts it, waits until it ends or is asked to end, and stops it cleanly.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../src/log.ts";
import { onEndRequest } from "./end-requests.ts";
import { exitCodeOf, messageOf } from "./exit-code.ts";
import { removePidFile, writePidFile } from "./pid-file.ts";

export type Running = {
  stop(reason?: string): Promise<void>;
  /** Resolves when the daemon has ended in good order, rejects when an error ended it. */
  readonly ended: Promise<unknown>;
};

/** How long, in milliseconds, a daemon that is still starting may take to end when asked. */
const giveUpStartMs = 1_000;

/**
 * Runs a daemon and then exits this process: with 0 when it was asked to end or the daemon ended in
 * good order, else with another code and the error in its log.
 */
export async function runDaemon(options: {
  start: (signal: AbortSignal) => Promise<Running>;
  log: Log;
  pidFile?: string | undefined;
}): Promise<never> {
  const { start, log, pidFile } = options;
  const asked = new AbortController();
  onEndRequest((why) => {
    const reason = why === "disconnect" ? "the parent process is gone" : why;
    log.info(`${reason}: ending`);
    asked.abort(reason);
  });
  const whenAsked = new Promise<void>((resolve) => {
    asked.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const started = async () => {
    const starting = start(asked.signal).catch((error: unknown) => {
      if (!asked.signal.aborted) throw error;
    });
    return Promise.race([starting, whenAsked.then(() => delay(giveUpStartMs))]);
  };

  let exitCode = 0;
  try {
    if (pidFile !== undefined) await writePidFile(pidFile);
    const running = await started();
    if (running) {
      try {
        await Promise.race([running.ended, whenAsked]);
      } finally {
        await running.stop(asked.signal.reason as string | undefined);
      }
    }
  } catch (error) {
    exitCode = exitCodeOf(error);
    log.error(messageOf(error));
  } finally {
    if (pidFile !== undefined) await removePidFile(pidFile);
  }
  process.exit(exitCode);
}
