// Unschedulable tasks: ready ones that no worker here could ever run, even if it had nothing else to
// do. This file says what is missing, logs it once for each function, and fails such tasks:
//   - of a function that no worker ever registered, or that was passed and has been replaced by another
//     of its name, after `unknownTaskTimeoutMs`;
//   - whose option `unschedulableTimeoutMs` has run out;
//   - whose inputs are larger than the memory of every worker that has what they ask for.
// All others wait for a worker that can run them.

import { describeDuration } from "../../../src/duration.ts";
import { formatSize } from "../../../src/size.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import type { FunctionFacts, PlacementConstraint, Spec, State, Task, Worker } from "../state.ts";
import { fail, requeue } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import type { Due } from "../timers.ts";
import { hasTags, sitesOf } from "./rosters.ts";
import { howWorkersWent } from "../workers/departures.ts";
import { couldRun, isNamed, lacks } from "./constraints.ts";
import { tasksOf } from "./lanes.ts";
import type { Needs } from "./locality.ts";
import { hasWorkers } from "./no-workers.ts";

/** Whether a worker that is here and stays could run such tasks if it had nothing else to do. */
export function isSchedulable(constraint: PlacementConstraint): boolean {
  for (const worker of constraint.ask.roster.workers) {
    if (!worker.leaving && lacks(worker, constraint) === undefined) return true;
  }
  return false;
}

// ── What is missing, in words ────────────────────────────────────────────────────────────────────

/** For `explain`, the log and errors. Undefined for what is schedulable. */
export function whatIsMissing(state: State, constraint: PlacementConstraint): string | undefined {
  if (isSchedulable(constraint)) return undefined;
  const { workers: asked, resources, tags = [], allowOtherWorkers } = constraint;
  const { key, name } = constraint.function;
  if (state.workers.size === 0) {
    const { joins } = state;
    const how = howWorkersWent(state);
    const went = how && `; ${how}`;
    if (joins === 0) return `no worker has joined${went}`;
    return `no worker is left: ${joins === 1 ? "one has" : `${joins} have`} been here${went}`;
  }
  const staying = [...state.workers.values()].filter(({ leaving }) => !leaving);
  const able = staying.filter(({ repertoire }) => repertoire.keys.has(key));
  if (able.length === 0) {
    for (const worker of state.workers.values()) {
      if (worker.leaving && couldRun(worker, constraint)) {
        return `${worker.name}, which could run it, is leaving`;
      }
    }
    return notRegistered(state, constraint.function);
  }
  const isPinned = asked !== undefined && !allowOtherWorkers;
  const candidates = isPinned ? able.filter((worker) => isNamed(worker, asked)) : able;
  if (isPinned && candidates.length === 0) {
    const isHere = staying.some((worker) => isNamed(worker, asked));
    const names = quoted([...asked]);
    return isHere
      ? `the workers asked for (${names}) have no function "${name}"`
      : `none of the workers asked for (${names}) is here`;
  }
  const who = isPinned ? `none of the workers asked for (${quoted([...asked])})` : "no worker";
  const absent = tags.find((tag) => !candidates.some((worker) => worker.tags.has(tag)));
  if (absent !== undefined) {
    const isElsewhere = !isPinned && staying.some((worker) => worker.tags.has(absent));
    const where = isElsewhere ? ` that has the function "${name}"` : "";
    return `${who}${where} has the tag "${absent}"${orWhichTag(state, absent, candidates)}`;
  }
  const tagged = candidates.filter((worker) => hasTags(worker, constraint));
  if (tagged.length === 0) return `no one worker has all the tags asked for (${quoted(tags, 10)})`;
  for (const resource in resources) {
    const most = Math.max(...tagged.map((worker) => worker.resources[resource] ?? 0));
    if (most >= resources[resource]!) continue;
    // Those without the function, or without the tags, may have more of it.
    const isElsewhere =
      !isPinned && staying.some((worker) => (worker.resources[resource] ?? 0) > most);
    const where = isElsewhere ? ` that has the function "${name}"` : "";
    const those = tags.length === 0 ? `${who}${where}` : `${who} tagged ${quoted(tags, 10)}`;
    return `${those} has ${resources[resource]} of resource "${resource}": the most that one has is ${most}`;
  }
  return `no one worker has all that it asks for: ${shortages(tagged, constraint)}`;
}

/** The tags that are most like it; without any, those that the workers have. */
function orWhichTag({ options }: State, tag: string, workers: readonly Worker[]): string {
  const there = new Set(workers.flatMap(({ tags }) => [...tags]));
  if (there.size === 0) return "; none of them has any tag";
  const near = options.nearestNames(tag, there);
  if (near.length > 0) return `; did you mean ${orList(near)}?`;
  return `; tags there are ${quoted([...there].sort(), 5)}`;
}

/** Of several resources each worker has enough of some: which one it has too little of. */
function shortages(workers: readonly Worker[], constraint: PlacementConstraint): string {
  const shown = workers.slice(0, shownAtMost).map((worker) => {
    const resource = lacks(worker, constraint)!;
    const has = worker.resources[resource] ?? 0;
    return `${worker.name} has ${has} of resource "${resource}" where ${constraint.resources?.[resource]} is needed`;
  });
  return shown.join("; ") + andMore(workers.length);
}

function quoted(names: readonly string[], most = shownAtMost): string {
  const shown = names.slice(0, most).map((name) => `"${name}"`);
  return shown.join(", ") + andMore(names.length, most);
}

function orList(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(" or ");
}

function andMore(count: number, most = shownAtMost): string {
  return count > most ? `, and ${count - most} more` : "";
}
const shownAtMost = 3;

/** The names that are most like it; without any, the first of the registered ones. */
function orWhichName({ options, registered }: State, name: string): string {
  const near = options.nearestNames(name, registered);
  if (near.length > 0) return `; did you mean ${orList(near)}?`;
  return registered.size === 0 ? "" : `; registered are ${quoted([...registered], 5)}`;
}

// ── The warning, and functions that nobody registered ────────────────────────────────────────────

/**
 * Warns once for a function, however many of its tasks wait. Without a worker that stays there is no news: one
 * may be coming, or the end is near, and both are said elsewhere.
 */
export function warnUnschedulable(step: StepContext, constraint: PlacementConstraint): void {
  const { state, now, effects } = step;
  const { function: facts } = constraint;
  if (!hasWorkers(state)) return;
  if (facts.workers === 0 && !mayComeBack(state, facts) && facts.unknownSince === undefined) {
    facts.unknownSince = now;
    const at = now + state.options.unknownTaskTimeoutMs;
    state.timers.add(at, { kind: "unknown-function", function: facts });
  }
  if (facts.warned) return;
  facts.warned = true;
  effects.log("warning", warningFor(state, constraint));
}

function warningFor(state: State, constraint: PlacementConstraint): string {
  const { function: facts } = constraint;
  const { name, workers, passed } = facts;
  if (workers > 0) {
    const why = whatIsMissing(state, constraint);
    return `no worker here could ever run some tasks of "${name}": ${why}; they wait`;
  }
  if (mayComeBack(state, facts))
    return `no worker that registered "${name}" is left; its tasks wait for one`;
  if (passed) return `${notRegistered(state, facts)}; its tasks wait`;
  return `no worker here has registered "${name}"${orWhichName(state, name)}; its tasks wait`;
}

/** A worker had it, and none that is here has another of its name instead. */
function mayComeBack(
  { registered }: State,
  { name, passed, wasRegistered }: FunctionFacts,
): boolean {
  return wasRegistered && !(passed && registered.has(name));
}

function notRegistered(state: State, { name, passed }: FunctionFacts): string {
  if (!passed) return `no worker has registered a function "${name}"${orWhichName(state, name)}`;
  const other = state.registered.has(name) ? `: the registered "${name}" has another text` : "";
  return `no worker has registered the function "${name}" that was passed${other}`;
}

function unknownFunction(state: State, facts: FunctionFacts): string {
  const { name, passed } = facts;
  if (!passed) return notRegistered(state, facts);
  const near = [name, ...state.options.nearestNames(name, state.registered)];
  const names = new Set([
    ...near.filter((each) => state.registered.has(each)),
    ...state.registered,
  ]);
  return (
    `submit it by its registered name, one of ${quoted([...names], mostRegistered)}: ` +
    `${notRegistered(state, facts)}; a function is found by its name and text, which wrapping, bundling and minifying change`
  );
}
/** Names in the error of a function that was passed and is not known. */
const mostRegistered = 10;

/** Fails the ready tasks of a function, unless a worker joined lately: others may still come. */
export function failUnknownFunction(step: StepContext, facts: FunctionFacts): void {
  const { state, now } = step;
  const { unknownSince } = facts;
  if (state.functions.get(facts.key) !== facts || unknownSince === undefined) return;
  if (facts.workers > 0 || mayComeBack(state, facts)) return;
  const at = Math.max(unknownSince, state.lastJoinAt) + state.options.unknownTaskTimeoutMs;
  if (at > now) {
    state.timers.add(at, { kind: "unknown-function", function: facts });
    return;
  }
  // The next task of the function, or the first worker that stays, starts the timeout and the warning anew.
  facts.unknownSince = undefined;
  if (!hasWorkers(state)) return;
  facts.warned = false;
  const message = unknownFunction(state, facts);
  // Failing one task may fail its dependents, and so remove lanes and sites while they are walked.
  for (const site of sitesOf(facts)) {
    const lanes = [...site.aside, ...site.held];
    for (const place of site.places) for (const lane of place.lanes) lanes.push(lane);
    for (const lane of lanes) {
      for (const task of [...tasksOf(lane)]) {
        if (task.state.at !== "ready") continue;
        fail(step, task, failureOf(task, "unknown-task", message), "unknown function");
      }
    }
  }
}

// ── unschedulableTimeoutMs ───────────────────────────────────────────────────────────────────────
//
// One timer for each spec that has the option and ready tasks, so that a million of them cost no more
// than one. A spec that was schedulable becomes unschedulable only when a worker leaves. So it has been
// unschedulable for the whole time if it is so at the end, and no worker left meanwhile.

/** At the end of every step: starts the timers of specs that have tasks which became ready and stayed. */
export function startUnschedulableTimeouts({ state, now }: StepContext): void {
  if (state.becameReady.size === 0) return;
  for (const spec of state.becameReady) {
    if (spec.lane.ready === 0 || state.unschedulableTimers.has(spec)) continue;
    startTimeout(state, spec, now + spec.options.unschedulableTimeoutMs!, state.totals.submitted);
  }
  state.becameReady.clear();
}

function startTimeout(state: State, spec: Spec, at: number, before: number): void {
  const timer = state.timers.add(at, { kind: "unschedulable", spec, before });
  state.unschedulableTimers.set(spec, timer);
}

/** The timeout is over: fails the tasks of a spec, unless it is schedulable or was so meanwhile. */
export function failUnschedulable(
  step: StepContext,
  { spec, before }: Extract<Due, { kind: "unschedulable" }>,
): void {
  const { state, now } = step;
  const timeoutMs = spec.options.unschedulableTimeoutMs!;
  state.unschedulableTimers.delete(spec);
  if (spec.tasks.size === 0 || spec.lane.ready === 0) return;
  const startAnew = () => {
    startTimeout(state, spec, now + timeoutMs, state.totals.submitted);
  };
  const missing = whatIsMissing(state, spec.constraint);
  if (missing === undefined) return startAnew();
  const earliest = state.lastDepartureAt + timeoutMs;
  if (state.lastDepartureAt > 0 && earliest > now) {
    return startTimeout(state, spec, earliest, before);
  }
  const { name } = spec.function;
  const message = `"${name}" waited ${describeDuration(timeoutMs)} for a worker that could ever run it: ${missing}`;
  let failed = 0;
  for (const task of [...spec.tasks]) {
    if (task.spec !== spec || task.order >= before || task.state.at !== "ready") continue;
    fail(step, task, failureOf(task, "unschedulable", message), "unschedulable");
    failed++;
  }
  if (failed > 0) step.effects.log("warning", `${failed} of "${name}" failed: ${missing}`);
  if (spec.lane.ready > 0) startAnew();
}

// ── Inputs larger than any memory ────────────────────────────────────────────────────────────────

/**
 * Fails a task whose inputs are larger than the memory of every worker that could run it otherwise.
 * Soon after a worker came or went it is held back instead: a larger one may be about to join.
 */
export function failIfTooLarge(step: StepContext, task: Task, needs: Needs): boolean {
  let most = -1;
  for (const worker of step.state.workers.values()) {
    if (couldRun(worker, task.spec.constraint)) most = Math.max(most, worker.memoryBytes);
  }
  if (most < 0 || needs.bytes <= most) return false;
  const { lastJoinAt, lastDepartureAt, options } = step.state;
  const waitMs = Math.max(lastJoinAt, lastDepartureAt) + options.unknownTaskTimeoutMs - step.now;
  if (waitMs > 0) {
    requeue(step, task, "too large for the workers here", waitMs);
    if (task.state.at === "waiting") step.state.tooLarge.set(task, task.state.until!);
    return true;
  }
  step.state.tooLarge.delete(task);
  const { name } = task.spec.function;
  const message =
    `raise --memory-limit, or let the task need less at once: the inputs of "${name}" have ` +
    `${formatSize(needs.bytes)}, and no worker that could run it may have more than ${formatSize(most)} in memory`;
  fail(step, task, failureOf(task, "unschedulable", message), "too large");
  return true;
}

/** A worker joined: those that were held back are looked at again. */
export function readyTooLarge(step: StepContext): void {
  const { tooLarge } = step.state;
  for (const [task, until] of tooLarge) {
    const { state } = task;
    if (state.at !== "waiting" || state.until !== until) continue;
    if (state.missing === 0) requeue(step, task, "a worker joined");
    else state.until = undefined;
  }
  tooLarge.clear();
}

function failureOf({ key, spec }: Task, code: string, message: string): Failure {
  return { code, message, key, task: spec.function.name };
}
