// The moments of cron expressions, by the package croner.

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
  const { expression } = cron;
  try {
    const job = parse(cron);
    const following = job.nextRun(new Date(after))?.getTime();
    if (following === undefined)
      return { due: [], wrong: `give another cron: "${expression}" never comes` };
    if (following > upTo) return { due: [], next: following };
    // Runs before a moment, and so with the one at it.
    const newest = job.previousRuns(most + 1, new Date(Math.floor(upTo) + 1));
    const due = newest.map((date) => date.getTime()).filter((moment) => moment > after);
    const next = job.nextRun(new Date(upTo))?.getTime();
    return {
      due: due.slice(0, most).reverse(),
      ...(due.length > most && { hasMore: true }),
      ...(next !== undefined && { next }),
    };
  } catch (error) {
    return { due: [], wrong: (error as Error).message };
  }
}

/** @throws {RangeError} saying what is wrong */
function parse({ expression, timezone }: Expression): Cron {
  if (!isTimeZone(timezone)) {
    throw new RangeError(
      `give a time zone such as "Europe/Vienna": "${timezone}" is not known here`,
    );
  }
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
