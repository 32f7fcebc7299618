// Rosters: what constraints ask of a worker besides resources, and the workers here that have it. All that the
// same workers could run shares a roster, so that placement looks at thousands of functions as at one. Rosters
// are kept up to date as workers come and go, and most often that changes the workers of a roster, and no more.

import type { FunctionFacts, PlacementConstraint, State, Worker } from "../state.ts";
import { moveToSite, type Site } from "./sites.ts";

/** A function, and what its constraints ask for with it. */
export type Ask = {
  /** Undefined for the function alone, which is asked as long as the function is known. */
  readonly signature: string | undefined;
  readonly function: FunctionFacts;
  /** Names, hosts or ids of the workers that may run it; undefined for any. */
  readonly names: ReadonlySet<string> | undefined;
  readonly tags: readonly string[] | undefined;
  readonly constraints: Set<PlacementConstraint>;
  roster: Roster;
};

/** Without workers it is of one ask, since each waits for workers of its own. */
export type Roster = {
  readonly number: number;
  readonly workers: Set<Worker>;
  readonly asks: Set<Ask>;
  readonly sites: Set<Site>;
  /** The sum of the marks of its workers: rosters of the same workers have the same. */
  sum: number;
  /** When the first of its workers is not there any more, as far as is known; undefined until somebody asks. */
  endsAt: number | undefined;
};

export type Rosters = {
  readonly asks: Map<string, Ask>;
  /** Those with workers, by their sums. One of two with the same sum is not in it, and nothing joins it. */
  readonly bySum: Map<number, Roster>;
  /** How many there were. */
  made: number;
};

/** A name of workers: those here that have it, and what asks for it. */
export type NamedWorkers = { readonly workers: Set<Worker>; readonly asks: Set<Ask> };

export function createRosters(): Rosters {
  return { asks: new Map(), bySum: new Map(), made: 0 };
}

/** A number for the sums of rosters. That they may agree by chance costs only that rosters are not shared. */
export function markOf(count: number): number {
  let mixed = Math.imul(count ^ (count >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

// ── Asks ─────────────────────────────────────────────────────────────────────────────────────────

/** What is asked for with the function alone. */
export function createAsk(state: State, facts: FunctionFacts): Ask {
  const of = { signature: undefined, names: undefined, tags: undefined };
  return enter(createRoster(state, []), { ...of, function: facts });
}

/** What a constraint asks for. */
export function askFor(
  state: State,
  asked: Pick<PlacementConstraint, "function" | "workers" | "allowOtherWorkers" | "tags">,
): Ask {
  const { tags, function: facts } = asked;
  const names = asked.allowOtherWorkers ? undefined : asked.workers;
  if (names === undefined && tags === undefined) return facts.ask;
  const signature = JSON.stringify([facts.key, names && [...names].sort(), tags]);
  const known = state.rosters.asks.get(signature);
  if (known !== undefined) return known;
  const of = { signature, names, tags, function: facts };
  const workers = workersFor(state, of);
  const ask = enter(findRoster(state, workers) ?? createRoster(state, workers), of);
  state.rosters.asks.set(signature, ask);
  (names ? facts.named : facts.tagged).add(ask);
  for (const name of names ?? []) namedWorkersOf(state, name).asks.add(ask);
  return ask;
}

/** No constraint asks for it any more. */
export function forgetAskIfUnused(state: State, ask: Ask): void {
  const { signature, names, function: facts, constraints } = ask;
  if (signature === undefined || constraints.size > 0) return;
  state.rosters.asks.delete(signature);
  leave(state, ask);
  (names ? facts.named : facts.tagged).delete(ask);
  for (const name of names ?? []) {
    state.namedWorkers.get(name)?.asks.delete(ask);
    forgetNameIfUnused(state, name);
  }
}

/** The function is not known any more. */
export function forgetAsk(state: State, { ask }: FunctionFacts): void {
  leave(state, ask);
}

/** The sites of all that is asked for with a function; while nobody has it, they are of nothing else. */
export function sitesOf({ ask, tagged, named }: FunctionFacts): Set<Site> {
  const sites = new Set<Site>();
  for (const { roster } of [ask, ...tagged, ...named]) {
    for (const site of roster.sites) sites.add(site);
  }
  return sites;
}

type Asked = Pick<Ask, "signature" | "function" | "names" | "tags">;

function workersFor(state: State, asked: Asked): Set<Worker> {
  const able = asked.function.ask.roster.workers;
  const workers = new Set<Worker>();
  for (const worker of asked.names ? presentOf(state, asked.names) : able) {
    if (able.has(worker) && hasTags(worker, asked)) workers.add(worker);
  }
  return workers;
}

/** Whether the worker has all tags that are asked for. */
export function hasTags(worker: Worker, { tags }: Pick<Ask, "tags">): boolean {
  return tags === undefined || tags.every((tag) => worker.tags.has(tag));
}

function presentOf(state: State, names: ReadonlySet<string>): Set<Worker> {
  const present = new Set<Worker>();
  for (const name of names) {
    for (const worker of state.namedWorkers.get(name)?.workers ?? []) present.add(worker);
  }
  return present;
}

// ── Workers come and go ──────────────────────────────────────────────────────────────────────────

/** A worker joined, and its functions are known. */
export function addToRosters(state: State, worker: Worker): void {
  for (const name of namesOf(worker)) namedWorkersOf(state, name).workers.add(worker);
  const asksOf = new Map<Roster, Ask[]>();
  const first: Ask[] = [];
  for (const ask of asksMetBy(state, worker)) {
    const { roster } = ask;
    const asks = asksOf.get(roster);
    if (roster.workers.size === 0) first.push(ask);
    else if (asks === undefined) asksOf.set(roster, [ask]);
    else asks.push(ask);
  }
  for (const [roster, asks] of asksOf) {
    // Most often there is nothing in the roster that this worker lacks.
    if (asks.length < roster.asks.size) {
      move(state, asks, createRoster(state, [...roster.workers, worker]));
    } else {
      unfile(state, roster);
      add(roster, worker);
      file(state, roster);
    }
  }
  if (first.length > 0) move(state, first, createRoster(state, [worker]));
}

/** A worker is gone. Returns what it could have run: some of that may be unschedulable now. */
export function removeFromRosters(state: State, worker: Worker): Ask[] {
  const left: Ask[] = [];
  for (const roster of [...worker.rosters]) {
    for (const ask of roster.asks) left.push(ask);
    unfile(state, roster);
    roster.workers.delete(worker);
    roster.sum -= worker.mark;
    if (worker.endsAt === roster.endsAt) roster.endsAt = undefined;
    if (roster.workers.size === 0) disband(state, roster);
    else merge(state, roster);
  }
  worker.rosters.clear();
  for (const name of namesOf(worker)) {
    namedWorkersOf(state, name).workers.delete(worker);
    forgetNameIfUnused(state, name);
  }
  return left;
}

/** What the worker could run, but for the resources. */
function asksMetBy(state: State, worker: Worker): Set<Ask> {
  const met = new Set<Ask>();
  for (const key of worker.repertoire.keys) {
    const { ask, tagged } = state.functions.get(key)!;
    met.add(ask);
    for (const each of tagged) if (hasTags(worker, each)) met.add(each);
  }
  for (const name of namesOf(worker)) {
    for (const ask of state.namedWorkers.get(name)!.asks) {
      if (worker.repertoire.keys.has(ask.function.key) && hasTags(worker, ask)) met.add(ask);
    }
  }
  return met;
}

/** The names by which tasks may ask for a worker. */
function namesOf({ name, host, id }: Worker): ReadonlySet<string> {
  return new Set([name, host, id]);
}

function namedWorkersOf(state: State, name: string): NamedWorkers {
  let found = state.namedWorkers.get(name);
  if (found === undefined) {
    found = { workers: new Set(), asks: new Set() };
    state.namedWorkers.set(name, found);
  }
  return found;
}

function forgetNameIfUnused(state: State, name: string): void {
  const found = state.namedWorkers.get(name);
  if (found?.workers.size === 0 && found.asks.size === 0) state.namedWorkers.delete(name);
}

// ── Rosters ──────────────────────────────────────────────────────────────────────────────────────

/**
 * Whether some worker is not there for as long as a call takes, while others wait in the same roster for which it
 * may be there long enough.
 */
export function isTooLongForSome(now: number, { roster, function: { meanMicros } }: Ask): boolean {
  if (roster.asks.size === 1 || meanMicros === undefined) return false;
  roster.endsAt ??= soonestEnd(roster.workers);
  return now + meanMicros / 1_000 > roster.endsAt;
}

/** Gives it a roster of its own, so that it is in nobody's way. */
export function part(state: State, ask: Ask): void {
  move(state, [ask], createRoster(state, ask.roster.workers));
}

function createRoster(state: State, workers: Iterable<Worker>): Roster {
  const roster: Roster = {
    ...{ number: ++state.rosters.made, workers: new Set(), asks: new Set(), sites: new Set() },
    ...{ sum: 0, endsAt: undefined },
  };
  for (const worker of workers) add(roster, worker);
  file(state, roster);
  return roster;
}

function add(roster: Roster, worker: Worker): void {
  roster.workers.add(worker);
  worker.rosters.add(roster);
  roster.sum += worker.mark;
  const { endsAt = Infinity } = worker;
  if (roster.endsAt !== undefined && endsAt < roster.endsAt) roster.endsAt = endsAt;
}

function file({ rosters: { bySum } }: State, roster: Roster): void {
  if (roster.workers.size > 0 && !bySum.has(roster.sum)) bySum.set(roster.sum, roster);
}

function unfile({ rosters: { bySum } }: State, roster: Roster): void {
  if (bySum.get(roster.sum) === roster) bySum.delete(roster.sum);
}

/** The roster of just these workers, if there is one. */
function findRoster({ rosters }: State, workers: ReadonlySet<Worker>, sum = sumOf(workers)) {
  const found = rosters.bySum.get(sum);
  if (found?.workers.size !== workers.size) return undefined;
  for (const worker of workers) if (!found.workers.has(worker)) return undefined;
  return found;
}

function sumOf(workers: Iterable<Worker>): number {
  let sum = 0;
  for (const { mark } of workers) sum += mark;
  return sum;
}

function soonestEnd(workers: Iterable<Worker>): number {
  let soonest = Infinity;
  for (const { endsAt = Infinity } of workers) soonest = Math.min(soonest, endsAt);
  return soonest;
}

/** Its last worker is gone: from now on each ask waits by itself. */
function disband(state: State, { asks }: Roster): void {
  for (const ask of [...asks].slice(1)) move(state, [ask], createRoster(state, []));
}

/** A worker is gone, which may have been all that made it differ from another. */
function merge(state: State, roster: Roster): void {
  const other = findRoster(state, roster.workers, roster.sum);
  if (other === undefined) return file(state, roster);
  const [less, more] = other.asks.size < roster.asks.size ? [other, roster] : [roster, other];
  move(state, [...less.asks], more);
  file(state, more);
}

function move(state: State, asks: readonly Ask[], to: Roster): void {
  for (const ask of asks) {
    leave(state, ask);
    ask.roster = to;
    to.asks.add(ask);
    for (const constraint of ask.constraints) moveToSite(state, constraint);
  }
}

function enter(roster: Roster, of: Asked): Ask {
  const ask = { ...of, constraints: new Set<PlacementConstraint>(), roster };
  roster.asks.add(ask);
  return ask;
}

function leave(state: State, ask: Ask): void {
  const { roster } = ask;
  roster.asks.delete(ask);
  if (roster.asks.size > 0) return;
  unfile(state, roster);
  for (const worker of roster.workers) worker.rosters.delete(roster);
}
