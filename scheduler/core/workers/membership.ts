// Workers come and go: they join, their links drop and come back within the grace period, and they are
// lost. What a lost worker had runs on other workers.

import { cut } from "../../../src/errors/brief-failure.ts";
import type { JobStep } from "../../../src/wire/lifetimes.ts";
import type { Predecessor, Resources } from "../../../src/wire/protocol.ts";
import { countStart, dropDispatch, offerRoom, updateRoom } from "../placement/dispatches.ts";
import { hasWorkers } from "../placement/no-workers.ts";
import { addToRosters, markOf, removeFromRosters, sitesOf } from "../placement/rosters.ts";
import type { Site } from "../placement/sites.ts";
import { tellOfWorker } from "../clients/feeds.ts";
import { readyTooLarge } from "../placement/unschedulable.ts";
import type { FunctionFacts, State, TaskState, Worker, WorkerId } from "../state.ts";
import { runAgain } from "../tasks/attempts.ts";
import type { StepContext } from "../tasks/transition.ts";
import { announceOffloading } from "../values/offloading.ts";
import { loseReplicas } from "../values/recompute.ts";
import { endRequestsTo } from "../values/replication.ts";
import { stopScattersTo } from "../values/scattering.ts";
import { enterAllotted, whyNoRoom } from "../memory/allotments.ts";
import { workerBytes } from "../memory/sizes.ts";
import { noteDeparture } from "./departures.ts";
import { answerFor, ownersOf } from "./ownership.ts";
import { register, unregister } from "./registering.ts";
import { enterRepertoire, newBytes } from "./repertoires.ts";
import { stopAwaitingRestart } from "./restart.ts";
import { endRetirement } from "./retiring.ts";

/** What a worker says of itself when it joins. */
export type WorkerFacts = {
  name: string;
  host: string;
  pid: number;
  threads: number;
  slots: number;
  functions: readonly string[];
  digests?: readonly string[] | undefined;
  resources: Resources;
  tags?: readonly string[] | undefined;
  address?: string | undefined;
  version?: string | undefined;
  memoryBytes?: number | undefined;
  predecessor?: Predecessor | undefined;
  job?: JobStep | undefined;
  endsInMs?: number | undefined;
};

export function join(step: StepContext, id: WorkerId, facts: WorkerFacts): void {
  const { state, now, effects } = step;
  // A name belongs to one worker. One that has it already must be gone, whether or not that is known.
  for (const other of [...(state.namedWorkers.get(facts.name)?.workers ?? [])]) {
    if (other.name !== facts.name) continue;
    lose(step, other.id, facts.predecessor?.how ?? "another worker took its name");
  }
  const isFirst = !hasWorkers(state);
  const worker = createWorker(state, id, facts, now);
  state.workers.set(id, worker);
  state.departures.delete(worker.name);
  state.noWorkerComing = undefined;
  state.joins++;
  state.lastJoinAt = now;
  register(step, worker);
  enterAllotted(state, "workers", workerBytes(worker));
  addToRosters(state, worker);
  // With the first worker that stays it becomes clear what is unschedulable, so every site is looked at.
  if (isFirst) for (const site of state.sites.values()) reconsider(state, site);
  else reconsiderSitesOf(state, worker);
  reconsiderRevived(state, worker);
  reconsiderReplaced(state, worker);
  readyTooLarge(step);
  tellOfWorker(step, { type: "worker-joined", worker: worker.name, slots: worker.slots });
  offerRoom(step, worker);
  announceOffloading(step, worker);
  effects.log(
    "info",
    `worker ${worker.name} joined: ${counted(worker.slots, "slot")}, ` +
      counted(worker.repertoire.registeredNames.length, "function"),
  );
}

/** A small worker may be just what frees memory. */
const mostWhenExhausted = 64 * 1024;

/** Why there is no room for a worker that would join, in words; undefined when there is. */
export function whyNotJoin(state: State, id: WorkerId, facts: WorkerFacts): string | undefined {
  const bytes = workerBytes({ ...facts, id }) + newBytes(state, facts);
  if (state.ledger.isExhausted && bytes > mostWhenExhausted) {
    return "there is no room for many functions: the heap of the scheduler is nearly used up";
  }
  const why = whyNoRoom(state, "workers", bytes);
  return why && `there is no room for the facts of more workers: ${why}`;
}

function createWorker(state: State, id: WorkerId, facts: WorkerFacts, now: number): Worker {
  return {
    id,
    name: facts.name,
    host: facts.host,
    pid: facts.pid,
    threads: facts.threads,
    slots: facts.slots,
    repertoire: enterRepertoire(state, facts),
    resources: withoutPrototype(facts.resources),
    tags: new Set(facts.tags),
    rosters: new Set(),
    mark: markOf(state.joins),
    joinedAt: now,
    used: withoutPrototype({}),
    dispatches: new Map(),
    lent: 0,
    regaining: new Set(),
    suspects: 0,
    closedFor: undefined,
    backlogMicros: 0,
    awayUntil: undefined,
    leaving: false,
    paused: undefined,
    address: facts.address,
    version: facts.version,
    memoryBytes: facts.memoryBytes ?? Infinity,
    job: facts.job,
    endsAt: facts.endsInMs === undefined ? undefined : now + facts.endsInMs,
    copying: new Set(),
    holds: new Set(),
    heldBytes: 0,
    withdrawals: 0,
    nothingToWithdrawAt: undefined,
    reservedFor: undefined,
    lookAgainAt: undefined,
    lowestPriority: Infinity,
    finished: 0,
  };
}

/** Names of resources come from peers: none of them may mean what all objects inherit. */
function withoutPrototype(resources: Resources): Resources {
  return Object.assign(Object.create(null) as Resources, resources);
}

export function away({ state, now, effects }: StepContext, id: WorkerId): void {
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  const at = now + state.options.graceMs;
  worker.awayUntil = at;
  state.timers.add(at, { kind: "worker-grace", worker });
  updateRoom(state, worker);
  effects.log("warning", `worker ${worker.name} lost its link; waiting for it to come back`);
}

export function back(step: StepContext, id: WorkerId): void {
  const { state, effects } = step;
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  worker.awayUntil = undefined;
  offerRoom(step, worker);
  effects.log("info", `worker ${worker.name} came back`);
}

/** The steps of workers whose links are down, each once. */
export function awaySteps({ workers }: State): JobStep[] {
  const steps = new Map<string, JobStep>();
  for (const { awayUntil, job } of workers.values()) {
    if (awayUntil !== undefined && job) steps.set(`${job.system} ${job.id} ${job.step}`, job);
  }
  return [...steps.values()];
}

/** The step has ended: workers that ran in it and are away do not come back. */
export function loseStep(step: StepContext, ended: JobStep): void {
  for (const { id, awayUntil, job } of [...step.state.workers.values()]) {
    if (awayUntil === undefined || !job || !isSameStep(job, ended)) continue;
    lose(step, id, `its step ${job.step} of job ${job.id} has ended`);
  }
}

function isSameStep(one: JobStep, other: JobStep): boolean {
  return one.system === other.system && one.id === other.id && one.step === other.step;
}

/** Removes a worker for good. Its tasks run elsewhere, and those that were executing are blamed. */
export function lose(step: StepContext, id: WorkerId, how: string): void {
  const { state, effects } = step;
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  state.workers.delete(id);
  state.lastDepartureAt = step.now;
  const { name, leaving, job } = worker;
  const went = leaving ? (state.retirements.get(worker)?.reason ?? "it left") : how;
  tellOfWorker(step, { type: "worker-left", worker: name, how: cut(went, 1_000) });
  noteDeparture(state, { worker: name, how: went, at: step.now, job });
  state.free.delete(worker);
  state.openAhead.delete(worker);
  state.surplus.delete(worker);
  const left = removeFromRosters(state, worker);
  unregister(state, worker);
  enterAllotted(state, "workers", workerBytes(worker), -1);
  loseReplicas(step, worker);
  const requeued = endDispatchesOf(step, worker, how);
  endRequestsTo(state, worker);
  stopScattersTo(step, worker);
  endRetirement(step, worker);
  // Tasks that wait may be unschedulable now.
  for (const { sites } of new Set(left.map(({ roster }) => roster))) {
    for (const site of sites) reconsider(state, site);
  }
  stopAwaitingRestart(step, worker);
  effects.drop(worker);
  effects.disconnect(id, how);
  const words = `worker ${worker.name} ${worker.leaving ? "left" : `was lost: ${how}`}`;
  const andTasks = requeued === 0 ? "" : `; ${counted(requeued, "task")} to run elsewhere`;
  effects.log(worker.leaving ? "info" : "warning", words + andTasks);
}

/**
 * A task is blamed when it alone was executing, for certain: when the worker had reported it as started,
 * and nothing else had a slot. Tasks that were there together are suspects, those too that may never
 * have reached the worker. A task that waited for its sub-tasks was not executing, unless nothing else
 * was; but it answers for its sub-tasks. Returns how many tasks have to run again: one that is blamed may have failed.
 */
function endDispatchesOf(step: StepContext, worker: Worker, how: string): number {
  const dispatches = [...worker.dispatches.values()];
  worker.dispatches.clear();
  const inSlots = dispatches.filter(({ lent }) => !lent);
  const causes = inSlots.length > 0 ? inSlots : dispatches;
  const owners = ownersOf(causes.map((dispatch) => ({ dispatch, how })));
  const hasBegun = causes.some(({ started }) => started);
  // What had a slot may have begun without a report.
  for (const first of inSlots.slice(0, worker.slots)) countStart(step, first);
  // In the order of submission, so that they have that order in the queue again.
  dispatches.sort((a, b) => a.task.order - b.task.order);
  for (const dispatch of dispatches) {
    dropDispatch(step.state, dispatch);
    // Read late: the failure of an earlier one may have abandoned it.
    if (dispatch.abandoned) continue;
    const owned = owners.get(dispatch);
    if (worker.leaving) runAgain(step, dispatch, "its worker left");
    else if (owned === undefined) runAgain(step, dispatch, "its worker was lost while it waited");
    else {
      const isCertain = hasBegun && owned.count === causes.length;
      answerFor(step, dispatch, owned, { isCertain, why: "its worker was lost" });
    }
  }
  const isQueued = ({ at }: TaskState) => at === "ready" || at === "waiting";
  return dispatches.filter(({ abandoned, task }) => !abandoned && isQueued(task.state)).length;
}

/** The workers for what this one can run have changed: tasks that wait for it are looked at anew. */
export function reconsiderSitesOf(state: State, worker: Worker): void {
  for (const { sites } of worker.rosters) for (const site of sites) reconsider(state, site);
}

/** It is the first with some functions: what else their tasks wait for has not been said. */
function reconsiderRevived(state: State, worker: Worker): void {
  for (const key of worker.repertoire.keys) {
    const facts = state.functions.get(key)!;
    if (facts.workers === 1 && facts.constraints > 0) reconsiderAll(state, facts);
  }
}

/** Tasks that wait for another version of one of its functions may not wait for ever. */
function reconsiderReplaced(state: State, worker: Worker): void {
  const names = new Set(worker.repertoire.registeredNames);
  for (const facts of state.functions.values()) {
    if (!facts.passed || facts.workers > 0 || !names.has(facts.name)) continue;
    reconsiderAll(state, facts);
  }
}

function reconsiderAll(state: State, facts: FunctionFacts): void {
  for (const site of sitesOf(facts)) reconsider(state, site);
}

function reconsider({ ready }: State, site: Site): void {
  ready.wake(site);
  ready.lookAtEachFunction(site);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
