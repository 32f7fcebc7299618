// How workers went: those that were lost or left, and those that could not start. The newest are kept, so
// that whoever waits for a worker hears why there is none.

import { cut } from "../../../src/errors/brief-failure.ts";
import type { JobStep } from "../../../src/wire/lifetimes.ts";
import type { State } from "../state.ts";

/** `job` is the step that the worker ran in, when it ran in one. */
export type Departure = {
  readonly worker: string;
  readonly how: string;
  readonly at: number;
  readonly job: JobStep | undefined;
};

const mostKept = 100;
/** Characters of each, and how many are named in one message. */
const howLength = 1_000;
const mostGroups = 5;
const mostNames = 3;

/** The newest of each name counts. */
export function noteDeparture({ departures }: State, departure: Departure): void {
  departures.delete(departure.worker);
  departures.set(departure.worker, { ...departure, how: cut(departure.how, howLength) });
  if (departures.size > mostKept) {
    for (const oldest of departures.keys()) {
      departures.delete(oldest);
      break;
    }
  }
}

/** In a sentence: `n1-0, n1-1: cannot find module ./taks.ts; n2-0: it was killed`. Empty when none is known. */
export function howWorkersWent({ departures }: State): string {
  const groups = new Map<string, string[]>();
  for (const { worker, how } of [...departures.values()].reverse()) {
    const names = groups.get(how);
    if (names) names.push(worker);
    else groups.set(how, [worker]);
  }
  const shown = [...groups].slice(0, mostGroups).map(([how, names]) => {
    const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
    return `${names.reverse().slice(0, mostNames).join(", ")}${more}: ${how}`;
  });
  const rest = groups.size - shown.length;
  return shown.join("; ") + (rest > 0 ? `; and ${rest} more` : "");
}
