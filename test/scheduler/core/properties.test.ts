// What must hold whatever happens in whatever order: fast-check makes up a run of events among a few
// clients and workers, `World` checks each of its steps, and at the end, when everybody behaves, all
// that is wanted settles and nothing stays behind.
//
// CORE_RUNS sets how many runs are tried, CORE_LENGTH how many events each has at most.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createState } from "../../../scheduler/core/state.ts";
import { KeyTable } from "../../../src/key-table.ts";
import { nextWakeUp, step } from "../../../scheduler/core/step.ts";
import {
  actAll,
  actions,
  coreOptions,
  copy,
  finish,
  functions,
  keysOf,
  publishedNames,
  upload,
  workerKinds,
  workerNames,
} from "./actions.ts";
import { clearAll } from "./coordination/random.ts";
import { columns } from "./fake-worker.ts";
import { scheduleNames } from "./schedules/random.ts";
import { World } from "./world.ts";

const numRuns = Number(process.env["CORE_RUNS"] ?? 600);
const maxLength = Number(process.env["CORE_LENGTH"] ?? 120);

describe("whatever happens", { timeout: 30_000 + 50 * numRuns }, () => {
  const runs = fc.array(actions, { maxLength, size: "max" });
  const workerTimeouts = fc.constantFrom(undefined, undefined, 30);
  /** After so many actions the time limit is near; in half of the runs never. */
  const momentOfEnding = fc.option(fc.nat(maxLength), { freq: 1, nil: undefined });

  test("the invariants hold, what is wanted settles once, and nothing stays behind", () => {
    fc.assert(
      fc.property(runs, workerTimeouts, momentOfEnding, (run, workerTimeoutMs, endingAt) => {
        const world = new World({ ...coreOptions, workerTimeoutMs });
        actAll(world, run, endingAt);
        settle(world);
        for (const { id, futures } of world.clients.values()) {
          const open = [...futures].filter(([, standing]) => standing === "pending");
          expect([id, open]).toEqual([id, []]);
        }
        world.joinClient("last");
        for (const name of publishedNames) world.say("last", { type: "unpublish", id: 1, name });
        clearAll(world, "last");
        for (const each of world.clients.values()) world.release(each, keysOf(world));
        drain(world);
        expectNothingLeft(world);
      }),
      { numRuns },
    );
  });

  test("with little memory: what is refused leaves nothing, and all that is taken settles", () => {
    let refused = 0;
    fc.assert(
      fc.property(runs, fc.integer({ min: 10_000, max: 40_000 }), (run, heapBytes) => {
        const world = new World({ ...coreOptions, heapBytes });
        actAll(world, run, undefined);
        refused += world.refused;
        settle(world);
        for (const { id, futures } of world.clients.values()) {
          const open = [...futures].filter(([, standing]) => standing === "pending");
          expect([id, open]).toEqual([id, []]);
        }
        const { ledger } = world.state;
        world.joinClient("last");
        for (const name of publishedNames) world.say("last", { type: "unpublish", id: 1, name });
        clearAll(world, "last");
        for (const each of world.clients.values()) world.release(each, keysOf(world));
        drain(world);
        expectNothingLeft(world);
        expect([ledger.outsideBytes, ledger.failures.size]).toEqual([0, 0]);
      }),
      { numRuns: numRuns / 2 },
    );
    expect(refused).toBeGreaterThan(numRuns);
  });

  test("a client that listens is told what there is, as a story that could be true", () => {
    fc.assert(
      fc.property(runs, workerTimeouts, momentOfEnding, (run, workerTimeoutMs, endingAt) => {
        const world = new World({ ...coreOptions, workerTimeoutMs });
        world.listen();
        actAll(world, run, endingAt);
        settle(world);
      }),
      { numRuns },
    );
  });

  test("the same events have the same effects", () => {
    fc.assert(
      fc.property(runs, workerTimeouts, momentOfEnding, (run, workerTimeoutMs, endingAt) => {
        const world = new World({ ...coreOptions, workerTimeoutMs });
        actAll(world, run, endingAt);
        const again = createState({ ...coreOptions, workerTimeoutMs });
        const effects = world.events.map(({ now, event }) => step(again, now, event));
        expect(effects).toEqual(world.effects);
      }),
      { numRuns: Math.ceil(numRuns / 10) },
    );
  });
});

/** No more tasks come by themselves. */
function unscheduleAll(world: World): void {
  world.joinClient("sweeper");
  for (const name of scheduleNames) world.say("sweeper", { type: "unschedule", id: 1, name });
  world.leaveClient(world.clients.get("sweeper")!);
}

/** Everybody comes back, does what it was asked for, and time goes on until nothing is due. */
function settle(world: World): void {
  unscheduleAll(world);
  for (const each of [...world.workers.values()]) {
    const wasAway = each.away;
    each.away = false;
    if (each.leaving) world.loseWorker(each, "it left");
    else if (wasAway) world.handle({ type: "worker-back", id: each.id });
  }
  for (const each of world.clients.values()) {
    const wasAway = each.away;
    each.away = false;
    if (wasAway) world.handle({ type: "client-back", id: each.id });
  }
  const best = workerKinds.at(-1)!;
  for (const name of [...workerNames, "w9"]) {
    const facts = { name, host: "h", pid: 1, threads: 1, ...best };
    world.joinWorker(`${name}-${world.events.length}-last`, facts);
  }
  drain(world);
}

function drain(world: World): void {
  for (let quiet = false; !quiet;) {
    quiet = true;
    while (world.uploads.length > 0) upload(world, world.uploads.shift());
    for (const by of [...world.workers.values()]) {
      const answers = by.read(Infinity);
      if (by.farewell) {
        world.loseWorker(by, "it left");
        quiet = false;
        continue;
      }
      const copies = by.copies.length;
      while (by.copies.length > 0) copy(world, by);
      const stopped = [...by.held.values()].filter(({ cancelled }) => cancelled);
      if (stopped.length > 0) answers.push(columns("stopped", stopped));
      const before = by.held.size;
      world.hear(by, ...answers);
      finish(world, by, [...by.held.values()]);
      if (before > 0 || answers.length > 0 || copies > 0) quiet = false;
    }
    const at = nextWakeUp(world.state);
    if (!quiet || at === undefined) continue;
    world.pass(Math.max(0, at - world.now));
    quiet = false;
  }
}

function expectNothingLeft({ state, workers }: World): void {
  const { tasks, constraints, sites, ready, timers, functions: left, clients } = state;
  expect({ tasks, constraints, sites, blocked: ready.blocked }).toEqual({
    tasks: new KeyTable(),
    constraints: new Map(),
    sites: new Map(),
    blocked: new Set(),
  });
  expect([state.unschedulableTimers.size, state.restarts.size]).toEqual([0, 0]);
  const { all, pending, crons, behind } = state.schedules;
  expect([all.size, pending.size, crons.size, behind.size]).toEqual([0, 0, 0, 0]);
  expect([state.retentions.size, state.offers.open.size, state.published.size]).toEqual([0, 0, 0]);
  const names = [...state.workers.values()].flatMap(({ id, name, host }) => [id, name, host]);
  expect(new Set(state.namedWorkers.keys())).toEqual(new Set(names));
  expect([ready.size, timers.size, [...ready.lanes()]]).toEqual([0, 0, []]);
  const named = [...left.values()].filter(({ passed }) => !passed);
  expect(named.map(({ name }) => name).sort()).toEqual(functions);
  for (const { specs, lanes } of clients.values()) expect([specs.size, lanes.size]).toEqual([0, 0]);
  expect(state.descendants.size + state.replicaRequests.size + state.scatters.byTask.size).toBe(0);
  expect(state.keptBytes).toBe(0);
  for (const worker of workers.values()) expect([...worker.holds]).toEqual([]);
  for (const { dispatches, used, holds } of state.workers.values()) {
    expect(dispatches.size + holds.size).toBe(0);
    expect(Object.values(used).filter((amount) => amount !== 0)).toEqual([]);
  }
  const { all: limits, counters, rates, changed, opened } = state.limits;
  const sizes = [limits, counters, rates, changed, opened].map(({ size }) => size);
  expect(sizes).toEqual([0, 0, 0, 0, 0]);
  expect(state.surplus.size + state.openAhead.size).toBe(0);
  expect(state.reservation).toEqual({ oldest: undefined, worker: undefined, isScheduled: false });
}
