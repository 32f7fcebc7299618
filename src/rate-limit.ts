// A rate limit for log lines that outsiders can cause without end.

import { clearTimeout, setTimeout } from "./timers.ts";

const periodMs = 60_000;

export type RateLimit<Rest extends unknown[]> = {
  /** Writes the line, or only counts it. */
  say(text: string, ...rest: Rest): void;
  /** Says at once how many lines were left out, when there are any: for the end of a log. */
  flush(): void;
};

/**
 * Limits `say` to so many lines a minute. A minute after the first of them one more line says how many
 * were left out.
 *
 * @param options `what` names the lines in that line: "1,200 more <what> were left out"
 */
export function rateLimited<Rest extends unknown[]>(
  say: (text: string, ...rest: Rest | []) => void,
  options: { what: string; linesPerMinute?: number },
): RateLimit<Rest> {
  const { what, linesPerMinute = 20 } = options;
  let written = 0;
  let leftOut = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const count = leftOut;
    written = leftOut = 0;
    if (count > 0) say(`${count.toLocaleString("en")} more ${what} were left out`);
  };
  return {
    flush,
    say: (text, ...rest) => {
      timer ??= setTimeout(flush, periodMs).unref();
      if (written === linesPerMinute) {
        leftOut++;
        return;
      }
      written++;
      say(text, ...rest);
    },
  };
}
