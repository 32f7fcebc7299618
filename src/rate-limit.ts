// A rate limit for log lines that outsiders can cause without end.

import { now as monotonicNow } from "./timers.ts";

const linesPerPeriod = 20;
const periodMs = 60_000;

/**
 * Wraps `say` so that at most twenty lines a minute are written. The next line that is written says
 * how many were left out before it.
 */
export function rateLimited<Rest extends unknown[]>(
  say: (text: string, ...rest: Rest) => void,
  now: () => number = monotonicNow,
): (text: string, ...rest: Rest) => void {
  let periodStart = -Infinity;
  let written = 0;
  let leftOut = 0;
  return (text, ...rest) => {
    if (now() - periodStart >= periodMs) {
      periodStart = now();
      written = 0;
    }
    if (written === linesPerPeriod) {
      leftOut += 1;
      return;
    }
    written += 1;
    const more =
      leftOut === 0 ? "" : ` (${leftOut} more such warnings were left out before this one)`;
    leftOut = 0;
    say(text + more, ...rest);
  };
}
