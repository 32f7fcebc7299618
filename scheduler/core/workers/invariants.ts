// What must hold of workers between two steps: what is on its way on them, the room that it takes,
// their functions, and the restarts that wait for them.

import { assert } from "../assert.ts";
import type { Dispatch, State, Worker } from "../state.ts";
import { includes } from "../structures/small-set.ts";

type Say = (words: string) => () => string;

export function checkWorkers(state: State): void {
  for (const worker of state.workers.values()) checkWorker(state, worker);
  for (const { name, passed, workers } of state.functions.values()) {
    if (!passed)
      assert(state.registered.has(name) === workers > 0, () => `${name} is wrongly registered`);
  }
  for (const { pending } of state.restarts) {
    assert(pending.size > 0, () => "a restart waits for no worker");
    for (const { id, name } of pending) {
      assert(state.workers.has(id), () => `a restart waits for the lost worker ${name}`);
    }
  }
}

function checkWorker(state: State, worker: Worker): void {
  const say = (words: string) => () => `worker ${worker.name}: ${words}`;
  const { dispatches, slots } = worker;
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
  assert(withdrawals === worker.withdrawals, say("withdrawals are miscounted"));
  assert(Math.abs(backlog - worker.backlogMicros) < 1, say("the backlog is miscounted"));
  assert(suspects === worker.suspects, say(`${worker.suspects} suspects counted, ${suspects} are`));
  assert(lent === worker.lent, say(`${worker.lent} counted as lent, ${lent} are`));
  const { closedFor } = worker;
  if (closedFor !== undefined) {
    const isCleared = state.suspects.clearing?.worker === worker;
    const closes = dispatches.get(closedFor.key)?.closes ?? false;
    assert(isCleared || closes, say(`closed for ${closedFor.key} for no reason`));
  }
  const isPresent =
    worker.awayUntil === undefined &&
    !worker.leaving &&
    worker.paused === undefined &&
    worker.closedFor === undefined;
  const load = dispatches.size - lent;
  assert(state.free.has(worker) === (isPresent && load < slots), say("wrongly in free"));
  assert(state.surplus.has(worker) === (isPresent && load > slots), say("wrongly in surplus"));
  assert(!(state.openAhead.has(worker) && load < slots), say("in openAhead, and free"));
  checkResources(state, worker, used, say);
}

function checkResources(
  state: State,
  worker: Worker,
  used: ReadonlyMap<string, number>,
  say: Say,
): void {
  for (const [resource, amount] of Object.entries(worker.used)) {
    const real = used.get(resource) ?? 0;
    // What each task takes is rounded to a millionth.
    const roundedOff = 1e-6 * Math.max(1, worker.dispatches.size);
    assert(Math.abs(amount - real) < roundedOff, say(`${amount} of ${resource} counted as used`));
    assert(amount <= (worker.resources[resource] ?? 0), say(`more ${resource} used than it has`));
  }
  const { oldest, worker: reserved } = state.reservation;
  const reservedFor = reserved === worker ? oldest : undefined;
  assert(worker.reservedFor === reservedFor, say("has room reserved for another than the oldest"));
  for (const each of worker.regaining) {
    const isLent = worker.dispatches.get(each.task.key) === each && each.lent;
    assert(isLent, say("waits for resources that are not lent"));
    assert(!each.abandoned, say("waits for resources of an abandoned dispatch"));
  }
  const [next] = worker.regaining;
  const needed = next?.task.spec.constraint.resources;
  const isShort = Object.keys(needed ?? {}).some(
    (resource) =>
      (worker.resources[resource] ?? 0) - (used.get(resource) ?? 0) < needed![resource]! - 1e-6,
  );
  const limit = next?.task.spec.constraint.limit;
  const isLimited = limit?.counter !== undefined && limit.counter.running >= limit.maxRunning;
  const isKeptApart = next?.suspect === true && worker.suspects > 0;
  const isRight = next === undefined || isShort || isLimited || isKeptApart;
  assert(isRight, say("a task waits for resources that are free"));
}

function checkDispatch(state: State, key: string, dispatch: Dispatch, worker: Worker): void {
  const { task } = dispatch;
  const say = (words: string) => () => `dispatch of ${key} on ${worker.name}: ${words}`;
  assert(dispatch.worker === worker && task.key === key, say("filed wrongly"));
  const { inside, lent, withdrawing } = dispatch;
  assert(!(lent && withdrawing), say("lent, and asked to be given back unstarted"));
  if (inside) {
    assert(inside.within?.dispatch === dispatch && !inside.gone, say("has the client of another"));
    assert(!dispatch.abandoned, say("has a client though it is to end"));
    for (const wanted of inside.within.wants) {
      assert(state.tasks.get(wanted.key) === wanted, say(`wants ${wanted.key}, which is gone`));
      assert(
        includes(wanted.wantedBy, inside),
        say(`${wanted.key} does not know that it is wanted`),
      );
    }
  }
  const isRunning = task.state.at === "running" && task.state.dispatch === dispatch;
  if (dispatch.abandoned) assert(!isRunning, say("abandoned, and its task runs"));
  else assert(isRunning, say("its task does not run"));
}
