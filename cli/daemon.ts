// Runs a daemon: starts it, waits until it ends or is asked to end, and stops it cleanly. The last line
// of its log says why it ended.

import { setTimeout as delay } from "node:timers/promises";
import { onDrainMessage } from "../cluster/supervise.ts";
import type { Log } from "../src/log.ts";
import { exitAtOnce, exitProcess } from "../src/process-exit.ts";
import { outliveStandardStreams } from "../src/standard-streams.ts";
import { onEndRequest, onEveryDrainRequest } from "./end-requests.ts";
import { exitCodeOf, messageOf, UsageError } from "./exit-code.ts";
import { removePidFile, writePidFile } from "./pid-file.ts";

export type Running = {
  stop(reason?: string): Promise<void>;
  /** Takes no new tasks, lets those that run go on to their end, and stops. Only workers drain. */
  drain?(reason: string): void;
  /** Resolves with the reason when the daemon has ended in good order, rejects when an error ended it. */
  readonly ended: Promise<string>;
};

/** How long, in milliseconds, a daemon that is still starting may take to end when asked. */
const giveUpStartMs = 1_000;

/**
 * Runs a daemon and then exits this process: with 0 when it was asked to end or the daemon ended in
 * good order, else with another code and the error in its log.
 *
 * @param options `drains`: whether SIGUSR1 and SIGUSR2 let it drain; by default it ignores them
 */
export async function runDaemon(options: {
  start: (signal: AbortSignal) => Promise<Running>;
  drains?: boolean;
  log: Log;
  pidFile?: string | undefined;
}): Promise<never> {
  const { start, log, pidFile } = options;
  outliveStandardStreams();
  const asked = new AbortController();
  let running: Running | undefined;
  onEndRequest(
    (why) => {
      const reason = why === "disconnect" ? "the parent process is gone" : why;
      log.info(`${reason}: ending`);
      asked.abort(reason);
    },
    (why) => {
      log.warning(`ended: ${why} again, so without waiting any longer`);
      exitAtOnce(1);
    },
  );
  onDrainRequest(options, (reason) => {
    if (running) running.drain?.(reason);
    else asked.abort(reason);
  });
  const whenAsked = new Promise<string>((resolve) => {
    const ask = () => resolve(asked.signal.reason as string);
    asked.signal.addEventListener("abort", ask, { once: true });
  });
  const started = async () => {
    const starting = start(asked.signal).catch((error: unknown) => {
      if (!asked.signal.aborted) throw error;
    });
    return Promise.race([starting, whenAsked.then(() => delay(giveUpStartMs))]);
  };

  let exitCode = 0;
  let end: string;
  try {
    if (pidFile !== undefined) {
      await writePidFile(pidFile).catch(({ message }: Error) => {
        throw new UsageError(`cannot write the file of --pid-file: ${message}`);
      });
    }
    running = (await started()) ?? undefined;
    if (running) {
      try {
        end = await Promise.race([running.ended, whenAsked]);
      } finally {
        await running.stop(asked.signal.reason as string | undefined);
      }
    } else end = await whenAsked;
  } catch (error) {
    exitCode = exitCodeOf(error);
    end = messageOf(error);
  }
  if (pidFile !== undefined) await removePidFile(pidFile);
  if (exitCode === 0) log.info(`ended: ${end}`);
  else log.error(`ended: ${end}`);
  // What was given up while it started may have threads that are inside anything.
  return running === undefined && exitCode === 0 ? exitAtOnce(0) : exitProcess(exitCode);
}

/** Calls `drain` at the first request to drain; a daemon that does not drain says so once. */
function onDrainRequest(
  { drains = false, log }: { drains?: boolean; log: Log },
  drain: (reason: string) => void,
): void {
  let isFirst = true;
  const request = (reason: string) => {
    if (!isFirst) return;
    isFirst = false;
    if (!drains) return log.info(`${reason} is ignored: it lets a worker drain`);
    log.info(`${reason}: draining`);
    drain(reason);
  };
  onEveryDrainRequest(request);
  if (drains) onDrainMessage(request);
}
