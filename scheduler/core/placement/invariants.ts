// What must hold of placement between two steps: no ready task waits that could run, and the ready
// queue, its sites and the constraints count and order what they should.

import { assert } from "../assert.ts";
import type { State } from "../state.ts";
import { couldRun, isNamed } from "./constraints.ts";
import { hasResources, isApartOn } from "./dispatches.ts";
import type { Counter, Limit } from "./limits.ts";
import { headOf, isBlocked, tasksOf, type Lane } from "./lanes.ts";
import { fits, needsOf } from "./locality.ts";

export function checkPlacement(state: State): void {
  checkReadyQueue(state);
  checkSites(state);
  checkRosters(state);
  checkLimits(state);
  assert(state.becameReady.size === 0, () => "specs with ready tasks are left over from the step");
}

function checkReadyQueue(state: State): void {
  let ready = 0;
  for (const lane of state.ready.lanes()) {
    assert(lane.ready > 0, () => "an empty lane is in the queue");
    const tasks = new Set(tasksOf(lane));
    assert(tasks.size === lane.ready, () => `${lane.ready} counted in a lane of ${tasks.size}`);
    for (const { key, spec } of tasks)
      assert(spec.lane === lane, () => `${key} is in a wrong lane`);
    ready += tasks.size;
    checkPlaceOf(lane);
    checkWaitsRightly(state, lane);
  }
  assert(ready === state.counts.ready, () => `${state.counts.ready} ready, ${ready} in the queue`);
  assert(ready === state.ready.size, () => `the queue counts ${state.ready.size} of ${ready}`);
}

/** The promise of placement: while a worker has room for the head of a lane, it does not wait. */
function checkWaitsRightly(state: State, lane: Lane): void {
  const hasRoom = state.free.size + state.openAhead.size > 0;
  assert(!hasRoom || isBlocked(lane), () => "a lane was left with tasks and not found blocked");
  const head = headOf(lane)!;
  if (lane.constraint.limit && isClosed(lane.constraint.limit)) return;
  const needs = needsOf(head);
  for (const worker of state.free) {
    // Whether it has the time is known at the moment of placement only.
    const couldRunNow =
      worker.endsAt === undefined &&
      couldRun(worker, lane.constraint) &&
      hasResources(worker, lane.constraint) &&
      !worker.dispatches.has(head.key) &&
      isApartOn(worker, head) &&
      (needs === undefined || fits(worker, needs));
    assert(!couldRunNow, () => `${head.key} waits though ${worker.name} is free`);
  }
}

/** A lane with tasks is at a place of the site of its constraint, once. */
function checkPlaceOf(lane: Lane): void {
  const { place, constraint, amounts } = lane;
  const { site } = constraint;
  assert(place?.site === site && site.places.has(place), () => "a lane is at a wrong site");
  const times = [...place.lanes].filter((each) => each === lane).length;
  assert(
    times === (lane.aside || lane.held ? 0 : 1),
    () => `a lane is ${times} times at its place`,
  );
  assert(site.aside.has(lane) === lane.aside, () => "a lane is wrongly set aside");
  for (const [index, { amount }] of lane.held ? [] : amounts.entries()) {
    assert(site.smallest[index]!.first!.amount <= amount, () => "the smallest amount is larger");
  }
  if (!isBlocked(lane))
    assert(site.heapAt >= 0, () => "a lane that is not blocked cannot be found");
}

/** As far as is known without a clock: what does not matter any more may still be among the starts. */
function isClosed({ counter, maxRunning, rate }: Limit): boolean {
  if (counter && counter.running >= maxRunning) return true;
  return rate !== undefined && rate.starts.size >= rate.count;
}

function checkLimits({ limits, workers, constraints, ready }: State): void {
  const running = new Map<Counter, number>();
  for (const { dispatches } of workers.values()) {
    for (const { task, lent } of dispatches.values()) {
      const counter = task.spec.constraint.limit?.counter;
      if (counter && !lent) running.set(counter, (running.get(counter) ?? 0) + 1);
    }
  }
  for (const counter of new Set([...running.keys(), ...limits.counters.values()])) {
    const counted = [counter.running, running.get(counter) ?? 0] as const;
    assert(counted[0] === counted[1], () => `${counted.join(", not ")} run under a limit`);
    assert(limits.counters.get(counter.name) === counter, () => "a counter in use is not filed");
    for (const each of counter.regaining) {
      const { lent, abandoned, task, worker } = each;
      assert(lent && !abandoned, () => `${task.key} waits to be counted, and is`);
      const isFull = counter.running >= task.spec.constraint.limit!.maxRunning;
      const waits = isFull || worker.regaining.has(each);
      assert(waits, () => `${task.key} waits to be counted, and may be`);
    }
  }
  assert(limits.changed.size === 0, () => "a counter is left over from the step");
  for (const { starts, count, closed, timedAt } of limits.rates.values()) {
    assert(starts.size <= count, () => `${starts.size} starts where ${count} may be`);
    assert(closed.size === 0 || timedAt !== undefined, () => "nothing opens a rate limit");
  }
  const asked = [...constraints.values()].flatMap(({ limit }) => limit ?? []);
  assert(limits.all.size === new Set(asked).size, () => "a limit is filed that nobody asks for");
  for (const limit of asked) {
    const ways = [limit.heapAt >= 0, limit.rate?.closed.has(limit), limits.opened.has(limit)];
    const count = ways.filter((way) => way === true).length;
    assert(count <= 1, () => "a limit is closed in two ways");
    assert(count === 1 || limit.held.size === 0, () => "nothing opens a limit");
  }
  const held = new Set(asked.flatMap((limit) => [...limit.held]));
  for (const lane of ready.lanes()) {
    assert(held.delete(lane) === lane.held, () => "a lane is wrongly held");
    assert(!lane.held || !lane.aside, () => "a held lane is set aside, too");
  }
  assert(held.size === 0, () => "a held lane is not in the queue");
}

function checkSites(state: State): void {
  let constraints = 0;
  for (const site of state.sites.values()) {
    constraints += site.constraints;
    const isFiled = state.ready.blocked.has(site);
    const hasBlocked = site.blockedBy !== undefined || site.aside.size > 0;
    assert(isFiled === hasBlocked, () => "a site is wrongly filed as blocked");
    assert(site.roster.sites.has(site), () => "a roster does not know a site");
    const { blockedBy } = site;
    if (blockedBy?.place) {
      assert(blockedBy.place.site === site, () => "a site is blocked by a lane of another");
    }
  }
  assert(constraints === state.constraints.size, () => "sites miscount their constraints");
  for (const site of state.ready.blocked) {
    assert(state.sites.get(site.signature) === site, () => "a removed site is blocked");
  }
  for (const { ask, site } of state.constraints.values()) {
    assert(site.roster === ask.roster, () => "a site is of another roster");
  }
}

function checkRosters({ functions, rosters, workers, constraints }: State): void {
  const asks = [...[...functions.values()].map(({ ask }) => ask), ...rosters.asks.values()];
  for (const ask of asks) {
    const { roster, names, tags = [] } = ask;
    assert(roster.asks.has(ask), () => "a roster does not know what it is of");
    for (const worker of workers.values()) {
      const isMet =
        worker.repertoire.keys.has(ask.function.key) &&
        (names === undefined || isNamed(worker, names)) &&
        tags.every((tag) => worker.tags.has(tag));
      assert(
        roster.workers.has(worker) === isMet,
        () => "a roster does not have the right workers",
      );
      assert(worker.rosters.has(roster) === isMet, () => "a worker does not know its roster");
    }
    for (const each of roster.workers) {
      assert(workers.get(each.id) === each, () => "a roster has a worker that is gone");
    }
    for (const each of ask.constraints) {
      assert(constraints.get(each.signature) === each, () => "what a constraint asks outlives it");
    }
  }
  const all = new Set(asks.map(({ roster }) => roster));
  for (const { workers: those, asks: of, sum, endsAt } of all) {
    assert(those.size > 0 || of.size === 1, () => "a roster without workers is shared");
    const marks = [...those].reduce((added, { mark }) => added + mark, 0);
    assert(sum === marks, () => "the sum of a roster is wrong");
    const ends = Math.min(...[...those].map((worker) => worker.endsAt ?? Infinity));
    assert(endsAt === undefined || endsAt === ends, () => "a roster ends at another time");
  }
  for (const [sum, roster] of rosters.bySum) {
    assert(all.has(roster) && roster.sum === sum, () => "a roster is filed wrongly");
  }
  for (const worker of workers.values()) {
    for (const roster of worker.rosters) assert(all.has(roster), () => "a roster is left over");
  }
}
