// What a task would need that no worker here has: the words for `explain`, the log and the error.

import { isNamed, whyNot } from "../tasks/specs.ts";
import type { PlacementConstraint, State, Worker } from "../state.ts";

/** Whether somebody who is here and stays could run it some day, and if not, what is missing. */
export function whatIsMissing(state: State, constraint: PlacementConstraint): string | undefined {
  const { workers: asked, resources, allowOtherWorkers } = constraint;
  const { name } = constraint.function;
  const staying = [...state.workers.values()].filter(({ leaving }) => !leaving);
  if (staying.some((worker) => whyNot(worker, constraint) === undefined)) return undefined;
  if (state.workers.size === 0) {
    const { joins } = state;
    if (joins === 0) return "no worker has joined";
    return `no worker is left: ${joins === 1 ? "one has" : `${joins} have`} been here`;
  }
  const able = staying.filter(({ functions }) => functions.has(name));
  if (able.length === 0 && state.workers.size > staying.length) {
    const leaving = [...state.workers.values()].filter((worker) => worker.leaving);
    const last = leaving.find((worker) => whyNot(worker, constraint) === undefined);
    if (last !== undefined) return `${last.name}, which could run it, is leaving`;
  }
  if (able.length === 0) return `no worker has registered a function "${name}"`;
  const isPinned = asked !== undefined && !allowOtherWorkers;
  const there = isPinned ? able.filter((worker) => isNamed(worker, asked)) : able;
  if (isPinned && there.length === 0) {
    const isHere = staying.some((worker) => isNamed(worker, asked));
    const names = quoted([...asked]);
    return isHere
      ? `the workers asked for (${names}) have no function "${name}"`
      : `none of the workers asked for (${names}) is here`;
  }
  for (const resource in resources) {
    const most = Math.max(...there.map((worker) => worker.resources[resource] ?? 0));
    if (most >= resources[resource]!) continue;
    const who = isPinned ? `none of the workers asked for (${quoted([...asked])})` : "no worker";
    return `${who} has ${resources[resource]} of resource "${resource}": the most that one has is ${most}`;
  }
  return `no one worker has all that it asks for: ${reasons(there, constraint)}`;
}

function reasons(workers: readonly Worker[], constraint: PlacementConstraint): string {
  const shown = workers.slice(0, most).map((worker) => {
    return `${worker.name} ${whyNot(worker, constraint)}`;
  });
  return shown.join("; ") + andMore(workers.length);
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, most).map((name) => `"${name}"`);
  return shown.join(", ") + andMore(names.length);
}

function andMore(count: number): string {
  return count > most ? `, and ${count - most} more` : "";
}
const most = 3;
