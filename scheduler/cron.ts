// The moments of cron expressions, by the package croner. An expression is parsed each time: what croner
// keeps of one is 80 KB, and there may be ten thousand of them.

import { Cron } from "croner";
import type { CronMoments } from "./core/schedules/moments.ts";
import type { Cron as Expression } from "./core/schedules/schedules.ts";

/**
 * The moments after one of them up to another, the newest `most`, and the first after that. Moments are in
 * milliseconds since 1970.
 */
export function cronMoments(
  cron: Expression,
  { after, upTo, most }: { after: number; upTo: number; most: number },
): Omit<CronMoments, "schedule"> {
  try {
    const job = parse(cron);
    const first = nextOf(job, after);
    if (first === undefined)
      throw new RangeError(`give another cron: "${cron.expression}" never comes`);
    if (first > upTo) return { due: [], next: first };
    const second = nextOf(job, first);
    if (second !== undefined && second > upTo) return { due: [first], next: second };
    // Runs before a moment, and so with the one at it.
    const newest = job.previousRuns(most + 1, new Date(Math.floor(upTo) + 1));
    const due = newest.map((date) => date.getTime()).filter((moment) => moment > after);
    const next = nextOf(job, upTo);
    return {
      due: due.slice(0, most).reverse(),
      ...(due.length > most && { hasMore: true }),
      ...(next !== undefined && { next }),
    };
  } catch (error) {
    return {
      due: [],
      wrong: isTimeZone(cron.timezone)
        ? (error as Error).message
        : `give a time zone such as "Europe/Vienna": "${cron.timezone}" is not known here`,
    };
  }
}

function nextOf(job: Cron, after: number): number | undefined {
  return job.nextRun(new Date(after))?.getTime();
}

/** @throws {RangeError} saying what is wrong */
function parse({ expression, timezone }: Expression): Cron {
  const fields = expression.trim().split(/\s+/).length;
  if (!expression.trim().startsWith("@") && fields !== 5 && fields !== 6) {
    throw new RangeError(
      `give a cron of five fields, "0 3 * * *", or of six with seconds first: "${expression}" has ${fields}`,
    );
  }
  try {
    return new Cron(expression, {
      timezone,
      paused: true,
      mode: "5-or-6-parts",
      // Also for "30 2,14 * * *", a time that the clock skips in spring is made up for at once.
      fixedTimeRule: "no-wildcard",
    });
  } catch (error) {
    const why = (error as Error).message.replace(/^Cron\w*: /, "");
    throw new RangeError(`give another cron than "${expression}": ${why}`, { cause: error });
  }
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
