// Sites: placement constraints that can run on the same workers share a site, by their function, whether they
// have a limit, the workers asked for that are here, the tags, and roughly how much they need of which resources.
// A whole site is blocked and woken at once, so that ten thousand constraints cost no more than a few.

import { Heap } from "../structures/heap.ts";
import type { Amount, Lane, Place, Rank } from "./lanes.ts";
import type { FunctionFacts, PlacementConstraint, State, Worker } from "../state.ts";

export type Site = {
  readonly signature: string;
  readonly function: FunctionFacts;
  /** The workers asked for that are here; undefined for any. */
  readonly workers: ReadonlySet<Worker> | undefined;
  /** What they have to be tagged with; undefined for nothing. */
  readonly tags: readonly string[] | undefined;
  /** The names of the resources needed, sorted. */
  readonly resources: readonly string[];
  /** For each of them, what the lanes with tasks need. */
  readonly smallest: readonly Heap<Amount>[];
  /** Whether its tasks have limits, of any names: they need a free slot. */
  readonly limited: boolean;
  /** The lane that found no room: it waits, and so do all that are no more urgent. */
  blockedBy: Lane | undefined;
  readonly places: Set<Place>;
  /** Places that were found blocked, and taken out of the heaps of their turns. */
  readonly parked: Set<Place>;
  /** Lanes for which there is no room, though there may be for one that needs less. */
  readonly aside: Set<Lane>;
  /** Lanes that wait for their limits. */
  readonly held: Set<Lane>;
  /** The priorities of its lanes; the heap has those with tasks that are neither set aside nor held. */
  readonly allRanks: Map<number, Rank>;
  readonly ranks: Heap<Rank>;
  heapAt: number;
  constraints: number;
};

/** A name of workers: those here that have it, and the constraints that ask for it. */
export type NamedWorkers = {
  readonly workers: Set<Worker>;
  readonly constraints: Set<PlacementConstraint>;
};

/** The site for such a constraint, which it counts. */
export function enterSite(
  state: State,
  of: Pick<
    PlacementConstraint,
    "function" | "resources" | "workers" | "allowOtherWorkers" | "tags" | "limit"
  >,
): Site {
  const workers = of.allowOtherWorkers ? undefined : presentOf(state, of.workers);
  const resources = Object.keys(of.resources ?? {}).sort();
  const places = workers && [...workers].map(({ id }) => id).sort();
  const amounts = resources.map((name) => steps(of.resources![name]!, resources.length));
  const { tags } = of;
  const limited = of.limit !== undefined;
  const { key } = of.function;
  const signature =
    workers || resources.length > 0 || tags || limited
      ? JSON.stringify([key, places, resources, amounts, tags, limited])
      : `=${key}`;
  let site = state.sites.get(signature);
  if (site === undefined) {
    site = createSite({ signature, function: of.function, workers, tags, resources, limited });
    state.sites.set(signature, site);
    site.function.sites.add(site);
  }
  site.constraints++;
  return site;
}

export function leaveSite(state: State, site: Site): void {
  site.constraints--;
  if (site.constraints > 0) return;
  state.ready.wake(site);
  state.sites.delete(site.signature);
  site.function.sites.delete(site);
}

/** Registers a constraint for the names of workers that it asks for: its site changes with them. */
export function watchNames(state: State, constraint: PlacementConstraint): void {
  if (constraint.allowOtherWorkers) return;
  for (const name of constraint.workers ?? [])
    namedWorkersOf(state, name).constraints.add(constraint);
}

export function unwatchNames(state: State, constraint: PlacementConstraint): void {
  for (const name of constraint.workers ?? []) {
    state.namedWorkers.get(name)?.constraints.delete(constraint);
    forgetNameIfUnused(state, name);
  }
}

/** A worker joined: constraints that ask for one of its names may run there now. */
export function addToSites(state: State, worker: Worker): void {
  for (const name of namesOf(worker)) {
    const { workers, constraints } = namedWorkersOf(state, name);
    workers.add(worker);
    for (const constraint of constraints) moveToSite(state, constraint);
  }
}

/** A worker is gone. */
export function removeFromSites(state: State, worker: Worker): void {
  for (const name of namesOf(worker)) {
    const { workers, constraints } = namedWorkersOf(state, name);
    workers.delete(worker);
    for (const constraint of constraints) moveToSite(state, constraint);
    forgetNameIfUnused(state, name);
  }
}

/** The names by which tasks may ask for a worker. */
function namesOf({ name, host, id }: Worker): ReadonlySet<string> {
  return new Set([name, host, id]);
}

/** Whether the worker has the function and the tags, and is one of those asked for. */
export function mayRunAt(worker: Worker, site: Site): boolean {
  if (!worker.repertoire.keys.has(site.function.key) || !hasTags(worker, site)) return false;
  return site.workers === undefined || site.workers.has(worker);
}

/** Whether the worker has all tags that are asked for. */
export function hasTags(worker: Worker, { tags }: Pick<PlacementConstraint, "tags">): boolean {
  return tags === undefined || tags.every((tag) => worker.tags.has(tag));
}

export function createSite(
  of: Pick<Site, "signature" | "function" | "workers" | "tags" | "resources" | "limited">,
): Site {
  return {
    ...of,
    smallest: of.resources.map(() => new Heap(isLess)),
    blockedBy: undefined,
    places: new Set(),
    parked: new Set(),
    aside: new Set(),
    held: new Set(),
    allRanks: new Map(),
    ranks: new Heap(isHigher),
    heapAt: -1,
    constraints: 0,
  };
}

export function isLess(a: Amount, b: Amount): boolean {
  return a.amount < b.amount;
}

export function isHigher(a: Rank, b: Rank): boolean {
  return a.priority > b.priority;
}

function moveToSite(state: State, constraint: PlacementConstraint): void {
  const before = constraint.site;
  constraint.site = enterSite(state, constraint);
  if (constraint.site !== before) {
    // The lane that blocks the site may be one of those that move.
    state.ready.wake(before);
    for (const lane of constraint.lanes) state.ready.move(lane);
  }
  leaveSite(state, before);
}

function presentOf(
  state: State,
  names: ReadonlySet<string> | undefined,
): ReadonlySet<Worker> | undefined {
  if (names === undefined) return undefined;
  const present = new Set<Worker>();
  for (const name of names) {
    for (const worker of state.namedWorkers.get(name)?.workers ?? []) present.add(worker);
  }
  return present;
}

function namedWorkersOf(state: State, name: string): NamedWorkers {
  let found = state.namedWorkers.get(name);
  if (found === undefined) {
    found = { workers: new Set(), constraints: new Set() };
    state.namedWorkers.set(name, found);
  }
  return found;
}

function forgetNameIfUnused(state: State, name: string): void {
  const found = state.namedWorkers.get(name);
  if (found?.workers.size === 0 && found.constraints.size === 0) state.namedWorkers.delete(name);
}

/** Amounts of the same step share a site, so that small needs are not blocked with large ones. */
function steps(amount: number, resources: number): number {
  return Math.floor(Math.log2(amount) * (resources === 1 ? 4 : 1));
}
