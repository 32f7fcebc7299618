// What the clients of a simulation will do, made up from the seed before it begins: a random graph of
// tasks in waves, with options of every kind, and what is cancelled, released and retried when.

import type { Random } from "../processes/random.ts";
import type { CallOptions } from "../../client/task-options.ts";
import type { FunctionName } from "./functions.ts";

/** A value among the arguments: the result of an earlier task, a number, or something that holds them. */
export type Part =
  | { of: number }
  | { number: number }
  | { list: Part[] }
  | { record: Part[] }
  | { map: Part[] }
  | { set: Part[] };

export type PlannedTask = {
  readonly id: number;
  readonly client: number;
  readonly at: number;
  readonly name: FunctionName;
  readonly parts: Part;
  readonly inputs: readonly number[];
  /** What follows the parts: how long it takes, and how often or how large. */
  readonly rest: readonly number[];
  readonly options: CallOptions;
};

export type PlannedAction = {
  readonly at: number;
  readonly client: number;
  readonly what: "cancel" | "force" | "release" | "retry" | "detach";
  readonly task: number;
};

export type Workload = { tasks: PlannedTask[]; actions: PlannedAction[] };

export type WorkloadOptions = {
  clients: number;
  workers: readonly string[];
  /** Over how long tasks are submitted. */
  spanMs: number;
};

/** Each seed leaves some kinds of things out, so that others come close together. */
export function makeWorkload(random: Random, options: WorkloadOptions): Workload {
  const { clients, spanMs } = options;
  const count = 3 + random.below(random.chance(0.1) ? 120 : 22);
  const habits = makeHabits(random);
  const tasks: PlannedTask[] = [];
  const actions: PlannedAction[] = [];
  /** Endless, or with an endless one among what it needs. */
  const waits = new Set<number>();
  const waves = random.several(1, 4, () => random.next() * spanMs).sort((a, b) => a - b);
  for (let id = 0; id < count; id += 1) {
    const wave = waves[Math.floor((id * waves.length) / count)]!;
    const client = random.below(clients);
    const inputs = new Set<number>();
    const parts = makeParts(random, { tasks, client, inputs, depth: 2, habits });
    const { name, rest, options: own } = makeCall(random, habits, options);
    const at = Math.max(wave, ...[...inputs].map((input) => tasks[input]!.at));
    tasks.push({ id, client, at, name, parts, inputs: [...inputs], rest, options: own });
    const later = at + random.next() * 400;
    const isEndless = name === "obeys" || (name === "hangs" && own.timeoutMs === undefined);
    if (isEndless || [...inputs].some((input) => waits.has(input))) waits.add(id);
    if (isEndless || random.chance(habits.cancels)) {
      const what = random.chance(0.2) ? "force" : "cancel";
      actions.push({ at: later, client, what, task: id });
    } else if (random.chance(habits.releases)) {
      actions.push({ at: later, client, what: "release", task: id });
    } else if (random.chance(habits.detaches)) {
      // What waits for an endless one would never be over, once nobody is there to cancel that.
      if (!waits.has(id)) actions.push({ at, client, what: "detach", task: id });
    } else if (random.chance(habits.keeps)) {
      // Likewise.
      if (!waits.has(id)) own.keepMs = 1 + random.below(5_000);
    } else if (random.chance(habits.retries)) {
      actions.push({ at: later, client, what: "retry", task: id });
    }
  }
  return { tasks, actions };
}

type Habits = ReturnType<typeof makeHabits>;

function makeHabits(random: Random) {
  const some = (probability: number) => (random.chance(0.5) ? probability * random.next() : 0);
  return {
    inputs: random.next(),
    borrows: some(0.3),
    throws: some(0.2),
    spawns: some(0.4),
    dies: some(0.15),
    kills: some(1),
    hangs: some(0.15),
    big: random.chance(0.3) ? 0.9 : some(0.5),
    quick: random.next(),
    cancels: some(0.2),
    releases: some(0.3),
    detaches: some(0.2),
    keeps: some(0.3),
    retries: some(0.3),
    priorities: some(1),
    resources: some(0.6),
    places: some(0.5),
    holds: some(0.3),
    expires: some(0.2),
    longMs: random.chance(0.5) ? 20 : 400,
  };
}

function makeParts(
  random: Random,
  given: {
    tasks: readonly PlannedTask[];
    client: number;
    inputs: Set<number>;
    depth: number;
    habits: Habits;
  },
): Part {
  const { tasks, inputs, depth, habits } = given;
  const children = () =>
    random.several(0, 3, () => makeParts(random, { ...given, depth: depth - 1 }));
  if (depth > 0) {
    const kind = random.below(8);
    if (kind < 3) return { list: children() };
    if (kind === 3) return { record: children() };
    if (kind === 4) return { map: children() };
    if (kind === 5) return { set: children() };
  }
  // Another client's future can be an argument once that client is known to have it.
  const isBorrowed = random.chance(habits.borrows);
  const own = tasks.filter(({ client }) => isBorrowed || client === given.client);
  if (own.length === 0 || !random.chance(habits.inputs)) return { number: random.below(1_000) };
  const near = random.chance(0.5) ? own.slice(-5) : own;
  const { id } = random.pick(near);
  inputs.add(id);
  return { of: id };
}

function makeCall(
  random: Random,
  habits: Habits,
  { workers }: WorkloadOptions,
): { name: FunctionName; rest: number[]; options: CallOptions } {
  const options: CallOptions = {};
  if (random.chance(habits.priorities)) options.priority = random.below(5) - 2;
  if (random.chance(habits.resources)) options.resources = { gpu: 1 + random.below(2) };
  if (random.chance(habits.places)) {
    options.workers = [random.pick(workers)];
    options.allowOtherWorkers = random.chance(0.7);
  }
  if (random.chance(habits.holds)) options.delayMs = 1 + random.below(500);
  if (random.chance(habits.expires)) options.expiresMs = 1 + random.below(1_000);
  const ms = 1 + random.next() ** 3 * habits.longMs;
  const retries = () =>
    random.chance(0.5)
      ? { max: 2, delayMs: random.below(100), jitter: random.next() }
      : 2 + random.below(2);
  if (random.chance(habits.throws)) {
    if (random.chance(0.4)) return { name: "fails", rest: [ms], options };
    if (random.chance(0.7)) options.retries = retries();
    return { name: "flaky", rest: [ms, 1 + random.below(2)], options };
  }
  if (random.chance(habits.dies)) {
    const name = random.chance(habits.kills) ? "kills" : "dies";
    return { name, rest: [ms, random.chance(0.3) ? 100 : 1 + random.below(2)], options };
  }
  if (random.chance(habits.hangs)) {
    const kind = random.below(3);
    if (kind === 0) return { name: "obeys", rest: [], options };
    if (kind === 1) return { name: "hangs", rest: [ms, 100], options };
    options.timeoutMs = 500 + random.below(500);
    options.retries = retries();
    return { name: "hangs", rest: [ms, random.chance(0.7) ? 1 : 100], options };
  }
  if (random.chance(habits.big)) {
    return { name: "big", rest: [ms, random.below(8_000)], options };
  }
  if (random.chance(habits.spawns)) {
    return { name: "spawns", rest: [ms, 1 + random.below(4)], options };
  }
  if (random.chance(habits.quick)) return { name: "quick", rest: [], options };
  return { name: "slow", rest: [ms], options };
}
