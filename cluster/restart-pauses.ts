// The pauses between the restarts of a process: short at first, doubled while the process keeps
// ending soon after its start.

import { setTimeout as delay } from "node:timers/promises";
import { now } from "../src/timers.ts";

const shortestPauseMs = 100;
/** A run that lasts longer than this resets the pause. */
const longestPauseMs = 5_000;

/**
 * A function to await between the end of one run and the start of the next. The first run starts now.
 *
 * @param signal ends a pause early
 */
export function restartPauses(signal: AbortSignal): () => Promise<void> {
  let pauseMs = shortestPauseMs;
  let since = now();
  return async () => {
    if (now() - since > longestPauseMs) pauseMs = shortestPauseMs;
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    since = now();
  };
}
