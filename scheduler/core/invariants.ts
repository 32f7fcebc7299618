// Everything that must hold between two steps, derived anew from the whole state: slow, and meant
// for tests, the simulation and the replay of a recorded run.

import { assert } from "./assert.ts";
import { isScattered } from "./values/lineage.ts";
import { checkCoordination } from "./coordination/invariants.ts";
import { hasResources, isApartOn } from "./placement/dispatches.ts";
import { includes, listOf } from "./structures/small-set.ts";
import { retentionsOf } from "./clients/retention.ts";
import { headOf, isBlocked, tasksOf, type Lane } from "./placement/lanes.ts";
import { fits, needsOf } from "./placement/locality.ts";
import { isParked } from "./placement/suspects.ts";
import { couldRun, isNamed } from "./placement/constraints.ts";
import type { Client, Dispatch, Spec, State, Task, TaskStateName, Worker } from "./state.ts";

export function checkInvariants(state: State): void {
  const counts = new Map<TaskStateName, number>();
  const tasksOfSpec = new Map<Spec, number>();
  for (const task of state.tasks.values()) {
    counts.set(task.state.at, (counts.get(task.state.at) ?? 0) + 1);
    tasksOfSpec.set(task.spec, (tasksOfSpec.get(task.spec) ?? 0) + 1);
    checkTask(state, task);
  }
  for (const at of Object.keys(state.counts) as TaskStateName[]) {
    if (at === "forgotten") continue;
    const counted = counts.get(at) ?? 0;
    assert(
      state.counts[at] === counted,
      () => `${state.counts[at]} ${at} counted, ${counted} there`,
    );
  }
  assert(state.counts.new === 0, () => "a task is still new");
  checkValues(state);
  checkReady(state);
  checkKeeps(state);
  checkCoordination(state);
  for (const worker of state.workers.values()) checkWorker(state, worker);
  checkShared(state, tasksOfSpec);
}

function checkTask(state: State, task: Task): void {
  const say = (words: string) => () => `${task.key} (${task.state.at}): ${words}`;
  const { at } = task.state;
  const isWanted = task.wantedBy !== undefined || task.detachedBy !== undefined;
  const isKept = state.retentions.has(task);
  const isNeeded = isWanted || isKept || task.dependents !== undefined;
  const isRemembered = state.descendants.has(task);
  assert(isNeeded || isRemembered, say("stays though nobody needs it"));
  for (const set of [task.dependents, task.wantedBy]) {
    assert(!(set instanceof Set) || set.size > 1, say("has a set of one, or of none"));
  }
  for (const dependent of listOf(task.dependents)) {
    assert(state.tasks.get(dependent.key) === dependent, say(`dependent ${dependent.key} is gone`));
    assert(dependent.inputs?.includes(task) ?? false, say(`${dependent.key} does not need it`));
    const settled: TaskStateName[] = ["finished", "released", "cancelled"];
    assert(!settled.includes(dependent.state.at), say(`${dependent.key} needs nothing any more`));
    if (at === "failed") assert(dependent.state.at === "failed", say("a dependent has not failed"));
  }
  for (const input of task.inputs ?? []) {
    assert(state.tasks.get(input.key) === input, say(`input ${input.key} is gone`));
    const isKnown = isDescendant(task)
      ? state.descendants.get(input)?.has(task)
      : includes(input.dependents, task);
    assert(isKnown === true, say(`${input.key} does not know it is needed`));
  }
  for (const client of listOf(task.wantedBy)) {
    assert(isHere(state, client), say(`is wanted by the gone client ${client.id}`));
    assert(client.within?.wants.has(task) ?? true, say(`${client.id} does not know it wants it`));
  }
  const inputs = [...new Set(task.inputs)];
  const missing = inputs.filter((input) => input.state.at !== "finished").length;
  if (task.state.at === "waiting") {
    assert(task.state.missing === missing, say(`${task.state.missing} missing, ${missing} are`));
    const isExpected = task.state.until !== undefined || isScattered(task) || isParked(state, task);
    assert(missing > 0 || isExpected, say("waits for nothing"));
  }
  // What runs may have the copy of an input that was lost since.
  if (at === "ready") assert(missing === 0, say("is ready without its inputs"));
  if (at === "released") assert(!isNeeded, say("is needed, and not being made again"));
  if (task.state.at === "running") {
    const { dispatch } = task.state;
    assert(dispatch.task === task && dispatch.attempt === task.attempt, say("another's dispatch"));
    assert(dispatch.worker.dispatches.get(task.key) === dispatch, say("its worker forgot it"));
    assert(state.workers.has(dispatch.worker.id), say("runs on a lost worker"));
    assert(!dispatch.abandoned, say("runs as an abandoned dispatch"));
  }
}

function checkKeeps(state: State): void {
  for (const [task, keeps] of state.retentions) {
    assert(state.tasks.get(task.key) === task, () => `${task.key} is kept though it is gone`);
    const each = listOf(keeps);
    assert(!(keeps instanceof Set) || each.length > 1, () => `${task.key} has a set of one keep`);
    for (const { tasks } of each) assert(tasks.includes(task), () => `${task.key} kept by mistake`);
  }
  for (const [name, { retention }] of state.published) {
    for (const task of retention.tasks) {
      const isKept = retentionsOf(state, task).includes(retention);
      assert(isKept, () => `${task.key} is published as ${name} and not kept for it`);
    }
  }
  for (const { pending } of state.restarts) {
    assert(pending.size > 0, () => "a restart waits for nobody");
    for (const { id, name } of pending) {
      assert(state.workers.has(id), () => `a restart waits for the gone worker ${name}`);
    }
  }
  for (const [client, offers] of state.offers.open) {
    assert(!client.gone, () => `an offer to the gone ${client.name}`);
    assert(offers.size > 0, () => `an empty list of offers to ${client.name}`);
    for (const { tasks } of offers.values()) {
      for (const task of tasks)
        assert(state.retentions.has(task), () => `${task.key} offered, not kept`);
    }
  }
}

/** Its value lives on workers, or lived there. */
function isDescendant({ state }: Task): boolean {
  return state.at === "released" || (state.at === "finished" && state.holders !== undefined);
}

/** Who holds what, on both sides; what was made of what; and what is kept here. */
function checkValues(state: State): void {
  let kept = 0;
  const held = new Map<Worker, { tasks: number; bytes: number }>();
  for (const task of state.tasks.values()) {
    if (task.state.at !== "finished") continue;
    const { holders, bytes } = task.state;
    if (holders === undefined) {
      kept += bytes;
      continue;
    }
    assert(holders.size > 0, () => `${task.key}: nobody holds its value`);
    const isNeeded =
      task.wantedBy !== undefined ||
      task.detachedBy !== undefined ||
      task.dependents !== undefined ||
      state.retentions.has(task);
    assert(isNeeded, () => `${task.key}: its value is held though nobody needs it`);
    for (const holder of holders) {
      assert(state.workers.get(holder.id) === holder, () => `${task.key}: a lost worker holds it`);
      assert(holder.holds.has(task), () => `${task.key}: ${holder.name} does not know it holds it`);
      const sum = held.get(holder) ?? { tasks: 0, bytes: 0 };
      held.set(holder, { tasks: sum.tasks + 1, bytes: sum.bytes + bytes });
    }
  }
  assert(kept === state.keptBytes, () => `${state.keptBytes} bytes counted as kept, ${kept} are`);
  for (const worker of state.workers.values()) {
    const sum = held.get(worker) ?? { tasks: 0, bytes: 0 };
    const counted = [worker.holds.size, worker.heldBytes];
    assert(
      counted[0] === sum.tasks && counted[1] === sum.bytes,
      () => `${worker.name} is said to hold ${counted.join("/")}, not ${sum.tasks}/${sum.bytes}`,
    );
  }
  for (const [task, descendants] of state.descendants) {
    assert(state.tasks.get(task.key) === task, () => `${task.key} is gone and has descendants`);
    assert(descendants.size > 0, () => `${task.key} has an empty set of descendants`);
    for (const descendant of descendants) {
      assert(
        isDescendant(descendant),
        () => `${descendant.key} is ${descendant.state.at} and an descendant`,
      );
      assert(
        descendant.inputs?.includes(task) ?? false,
        () => `${descendant.key} is not of ${task.key}`,
      );
    }
  }
  for (const [task, workers] of state.replicaRequests) {
    assert(task.state.at === "finished", () => `a copy of ${task.key} is wanted`);
    for (const worker of workers) assert(state.workers.has(worker.id), () => "a copy on no worker");
  }
}

function checkReady(state: State): void {
  let ready = 0;
  for (const lane of state.ready.lanes()) {
    assert(lane.ready > 0, () => "an empty lane stands in the queue");
    const inLane = new Set(tasksOf(lane));
    assert(inLane.size === lane.ready, () => `${lane.ready} counted in a lane of ${inLane.size}`);
    for (const task of inLane)
      assert(task.spec.lane === lane, () => `${task.key} is in a wrong lane`);
    ready += inLane.size;
    // Nothing waits that could run: the promise of placement.
    const { constraint } = lane;
    const hasRoom = state.free.size + state.openAhead.size > 0;
    assert(!hasRoom || isBlocked(lane), () => "a lane was left with tasks and not found blocked");
    checkSite(lane);
    const head = headOf(lane)!;
    for (const worker of state.free) {
      const needs = needsOf(head);
      const isFree =
        couldRun(worker, constraint) &&
        hasResources(worker, constraint) &&
        !worker.dispatches.has(head.key) &&
        isApartOn(worker, head) &&
        (needs === undefined || fits(worker, needs));
      assert(!isFree, () => `${head.key} waits though ${worker.name} is free`);
    }
  }
  assert(ready === state.counts.ready, () => `${state.counts.ready} ready, ${ready} in the queue`);
  assert(ready === state.ready.size, () => `the queue counts ${state.ready.size} of ${ready}`);
}

/** It stands where its constraint says, in the order of what is first. */
function checkSite(lane: Lane): void {
  const { place, constraint, amounts } = lane;
  const { site } = constraint;
  assert(place?.site === site && site.places.has(place), () => "a lane stands at a wrong site");
  const stands = [...place.lanes].filter((each) => each === lane).length;
  assert(stands === (lane.aside ? 0 : 1), () => "a lane stands twice, or nowhere");
  assert(site.aside.has(lane) === lane.aside, () => "a lane is wrongly set aside");
  for (const [index, { amount }] of amounts.entries()) {
    assert(site.smallest[index]!.first!.amount <= amount, () => "the smallest amount is larger");
  }
  if (!isBlocked(lane)) assert(site.heapAt >= 0, () => "an open lane cannot be found");
}

function checkWorker(state: State, worker: Worker): void {
  const say = (words: string) => () => `worker ${worker.name}: ${words}`;
  const { dispatches, slots } = worker;
  const present =
    worker.awayUntil === undefined &&
    !worker.leaving &&
    worker.paused === undefined &&
    worker.closedFor === undefined;
  const used = new Map<string, number>();
  let withdrawals = 0;
  let backlog = 0;
  let lent = 0;
  let suspects = 0;
  for (const [key, dispatch] of dispatches) {
    checkDispatch(state, key, dispatch, worker);
    if (dispatch.withdrawing) withdrawals++;
    if (dispatch.lent) {
      lent++;
      continue;
    }
    backlog += dispatch.estimateMicros;
    if (dispatch.suspect) suspects++;
    const { resources } = dispatch.task.spec.constraint;
    for (const resource in resources) {
      used.set(resource, (used.get(resource) ?? 0) + resources[resource]!);
    }
  }
  for (const [resource, amount] of Object.entries(worker.used)) {
    const counted = used.get(resource) ?? 0;
    assert(Math.abs(amount - counted) < 1e-6, say(`${amount} of ${resource} counted as used`));
    assert(amount <= (worker.resources[resource] ?? 0), say(`more ${resource} used than it has`));
  }
  const { oldest, worker: kept } = state.reservation;
  const reservedFor = kept === worker ? oldest : undefined;
  assert(worker.reservedFor === reservedFor, say("keeps room for another than the oldest"));
  assert(withdrawals === worker.withdrawals, say("withdrawals are miscounted"));
  assert(Math.abs(backlog - worker.backlogMicros) < 1, say("the backlog is miscounted"));
  assert(lent === worker.lent, say(`${worker.lent} counted as lent, ${lent} are`));
  assert(suspects === worker.suspects, say(`${worker.suspects} suspects counted, ${suspects} are`));
  const load = dispatches.size - lent;
  assert(state.free.has(worker) === (present && load < slots), say("wrongly free"));
  assert(state.surplus.has(worker) === (present && load > slots), say("wrong surplus"));
  assert(!(state.openAhead.has(worker) && load < slots), say("open and free"));
  for (const each of worker.regaining) {
    assert(dispatches.get(each.task.key) === each && each.lent, say("gives back what is not lent"));
    assert(!each.abandoned, say("keeps resources for what is to end"));
  }
  const [next] = worker.regaining;
  const needed = next?.task.spec.constraint.resources;
  const lacks = Object.keys(needed ?? {}).some(
    (resource) =>
      (worker.resources[resource] ?? 0) - (used.get(resource) ?? 0) < needed![resource]! - 1e-6,
  );
  assert(next === undefined || lacks, say("keeps waiting who could have its resources back"));
}

function checkDispatch(state: State, key: string, dispatch: Dispatch, worker: Worker): void {
  const { task } = dispatch;
  const say = (words: string) => () => `dispatch of ${key} on ${worker.name}: ${words}`;
  assert(dispatch.worker === worker && task.key === key, say("filed wrongly"));
  const { inside, lent, withdrawing } = dispatch;
  assert(!(lent && withdrawing), say("lent, and asked to be given back unstarted"));
  if (inside) {
    assert(inside.within?.dispatch === dispatch && !inside.gone, say("the client of another"));
    assert(!dispatch.abandoned, say("has a client though it is to end"));
    for (const wanted of inside.within.wants) {
      assert(state.tasks.get(wanted.key) === wanted, say(`wants ${wanted.key}, which is gone`));
      assert(includes(wanted.wantedBy, inside), say(`${wanted.key} does not know of its want`));
    }
  }
  if (dispatch.abandoned) {
    assert(task.state.at !== "running" || task.state.dispatch !== dispatch, say("still runs"));
  } else {
    assert(task.state.at === "running" && task.state.dispatch === dispatch, say("does not run"));
  }
}

/** Nothing that tasks share is kept without a task, or lost while there is one. */
function checkShared(state: State, tasksOfSpec: Map<Spec, number>): void {
  for (const [spec, tasks] of tasksOfSpec) {
    assert(spec.tasks === tasks, () => `a spec counts ${spec.tasks} tasks and has ${tasks}`);
    assert(spec.client.specs.get(spec.signature) === spec, () => "a spec in use is not filed");
    const { constraint } = spec;
    assert(state.constraints.get(constraint.signature) === constraint, () => "constraint lost");
  }
  assert(state.becameReady.size === 0, () => "specs with ready tasks are left over from the step");
  assert(state.endedClients.length === 0, () => "clients inside tasks are left over from the step");
  const inside = [...state.workers.values()].flatMap(({ dispatches }) =>
    [...dispatches.values()].flatMap((dispatch) => dispatch.inside ?? []),
  );
  for (const client of [...state.clients.values(), ...inside]) {
    for (const spec of client.specs.values()) {
      assert(tasksOfSpec.has(spec), () => `client ${client.name} keeps a spec without tasks`);
    }
  }
  let specs = 0;
  for (const constraint of state.constraints.values()) specs += constraint.specs;
  assert(
    specs === tasksOfSpec.size,
    () => `constraints count ${specs} of ${tasksOfSpec.size} specs`,
  );
  for (const { name, workers } of state.functions.values()) {
    assert(state.registered.has(name) === workers > 0, () => `${name} is wrongly registered`);
  }
  let constraints = 0;
  for (const site of state.sites.values()) {
    constraints += site.constraints;
    const isFiled = state.ready.blocked.has(site);
    const isBlocked = site.blockedBy !== undefined || site.aside.size > 0;
    assert(isFiled === isBlocked, () => "a site is wrongly filed as blocked");
    assert(site.function.sites.has(site), () => "a function does not know a site");
    const { blockedBy } = site;
    if (blockedBy?.place) assert(blockedBy.place.site === site, () => "blocked by another's lane");
  }
  assert(constraints === state.constraints.size, () => "sites miscount their constraints");
  for (const site of state.ready.blocked) {
    assert(state.sites.get(site.signature) === site, () => "a gone site is blocked");
  }
  for (const { workers: asked, allowOtherWorkers, site } of state.constraints.values()) {
    if (asked === undefined || allowOtherWorkers) continue;
    for (const worker of state.workers.values()) {
      const isAsked = isNamed(worker, asked);
      assert(site.workers?.has(worker) === isAsked, () => "a site has not the workers asked for");
    }
  }
}

/** A program's client that has not left, or one inside a task that runs. */
function isHere(state: State, client: Client): boolean {
  const dispatch = client.within?.dispatch;
  if (dispatch === undefined) return state.clients.get(client.id) === client;
  const isOnWorker = state.workers.get(dispatch.worker.id) === dispatch.worker;
  const isRunning = dispatch.worker.dispatches.get(dispatch.task.key) === dispatch;
  return isOnWorker && isRunning && dispatch.inside === client;
}
