// What must hold of placement between two steps: no ready task waits that could run, and the ready
// queue, its sites and the constraints count and order what they should.

import { assert } from "../assert.ts";
import type { State } from "../state.ts";
import { couldRun, isNamed } from "./constraints.ts";
import { hasResources, isApartOn } from "./dispatches.ts";
import { headOf, isBlocked, tasksOf, type Lane } from "./lanes.ts";
import { fits, needsOf } from "./locality.ts";

export function checkPlacement(state: State): void {
  checkReadyQueue(state);
  checkSites(state);
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
  assert(times === (lane.aside ? 0 : 1), () => `a lane is ${times} times at its place`);
  assert(site.aside.has(lane) === lane.aside, () => "a lane is wrongly set aside");
  for (const [index, { amount }] of amounts.entries()) {
    assert(site.smallest[index]!.first!.amount <= amount, () => "the smallest amount is larger");
  }
  if (!isBlocked(lane))
    assert(site.heapAt >= 0, () => "a lane that is not blocked cannot be found");
}

function checkSites(state: State): void {
  let constraints = 0;
  for (const site of state.sites.values()) {
    constraints += site.constraints;
    const isFiled = state.ready.blocked.has(site);
    const hasBlocked = site.blockedBy !== undefined || site.aside.size > 0;
    assert(isFiled === hasBlocked, () => "a site is wrongly filed as blocked");
    assert(site.function.sites.has(site), () => "a function does not know a site");
    const { blockedBy } = site;
    if (blockedBy?.place) {
      assert(blockedBy.place.site === site, () => "a site is blocked by a lane of another");
    }
  }
  assert(constraints === state.constraints.size, () => "sites miscount their constraints");
  for (const site of state.ready.blocked) {
    assert(state.sites.get(site.signature) === site, () => "a removed site is blocked");
  }
  for (const each of state.constraints.values()) {
    const { workers: asked, allowOtherWorkers, site } = each;
    assert(site.function === each.function, () => "a site is of another function");
    if (asked === undefined || allowOtherWorkers) continue;
    for (const worker of state.workers.values()) {
      const isAsked = isNamed(worker, asked);
      assert(site.workers?.has(worker) === isAsked, () => "a site does not have the workers named");
    }
  }
}
