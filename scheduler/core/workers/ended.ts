// What a process says that speaks for a worker which cannot speak any more: it has ended without a word,
// or could not start.

import type { JobStep } from "../../../src/wire/lifetimes.ts";
import type { State, WorkerId } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { noteDeparture } from "./departures.ts";
import { lose } from "./membership.ts";

/** `pid`: the process of a worker that had joined. */
export type EndedWorker = {
  readonly name: string;
  readonly host: string;
  readonly how: string;
  readonly pid?: number | undefined;
  readonly job?: JobStep | undefined;
};

/** A worker has ended without a word, or could not start. */
export function receiveEnded(step: StepContext, ended: EndedWorker): void {
  const { state, now, effects } = step;
  const { name, how, job } = ended;
  const worker = findEnded(state, ended);
  if (worker !== undefined) return lose(step, worker, how);
  // The process was lost before, or is not the one that has the name now.
  if (ended.pid !== undefined) return;
  const isNews = ![...state.departures.values()].some((each) => each.how === how);
  noteDeparture(state, { worker: name, how, at: now, job });
  state.failedStarts++;
  // Hundreds of workers of one step may fail alike, and each again and again.
  if (isNews) effects.log("error", `worker ${name} could not start: ${how}`);
  else if (isRound(state.failedStarts)) {
    effects.log("error", `workers could not start ${state.failedStarts} times in all; ${how}`);
  }
}

function findEnded(
  { namedWorkers }: State,
  { name, host, pid }: EndedWorker,
): WorkerId | undefined {
  if (pid === undefined) return undefined;
  for (const worker of namedWorkers.get(name)?.workers ?? []) {
    if (worker.name === name && worker.host === host && worker.pid === pid) return worker.id;
  }
  return undefined;
}

/** 10, 100, 1,000 and so on. */
function isRound(count: number): boolean {
  return count > 1 && /^10+$/.test(String(count));
}
