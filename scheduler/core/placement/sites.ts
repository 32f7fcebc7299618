// Sites: placement constraints that can run on the same workers share a site, by their roster, whether they have a
// limit, and roughly how much they need of which resources. A whole site is blocked and woken at once, so that ten
// thousand constraints cost no more than a few.

import { Heap } from "../structures/heap.ts";
import type { Amount, Lane, Place, Rank } from "./lanes.ts";
import type { FunctionFacts, PlacementConstraint, State, Worker } from "../state.ts";
import type { Roster } from "./rosters.ts";

export type Site = {
  readonly signature: string;
  readonly roster: Roster;
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
  /** The lanes with tasks that are not held, by their functions. */
  readonly lanesOf: Map<FunctionFacts, Set<Lane>>;
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

/** The site for such a constraint, which it counts. */
export function enterSite(
  state: State,
  of: Pick<PlacementConstraint, "ask" | "resources" | "limit">,
): Site {
  const { roster } = of.ask;
  const resources = Object.keys(of.resources ?? {}).sort();
  const amounts = resources.map((name) => steps(of.resources![name]!, resources.length));
  const limited = of.limit !== undefined;
  const signature =
    resources.length > 0
      ? JSON.stringify([roster.number, resources, amounts, limited])
      : `${roster.number}${limited ? " limited" : ""}`;
  let site = state.sites.get(signature);
  if (site === undefined) {
    site = createSite({ signature, roster, resources, limited });
    state.sites.set(signature, site);
    roster.sites.add(site);
  }
  site.constraints++;
  return site;
}

export function leaveSite(state: State, site: Site): void {
  site.constraints--;
  if (site.constraints > 0) return;
  state.ready.wake(site);
  state.sites.delete(site.signature);
  site.roster.sites.delete(site);
}

/** Moves a constraint of which the roster is another one now. */
export function moveToSite(state: State, constraint: PlacementConstraint): void {
  const before = constraint.site;
  constraint.site = enterSite(state, constraint);
  // The lane that blocks the site may be one of those that move.
  state.ready.wake(before);
  for (const lane of constraint.lanes) state.ready.move(lane);
  leaveSite(state, before);
}

/** Whether the worker has all that is asked for, but perhaps not the resources. */
export function mayRunAt(worker: Worker, { roster }: Site): boolean {
  return roster.workers.has(worker);
}

export function createSite(of: Pick<Site, "signature" | "roster" | "resources" | "limited">): Site {
  return {
    ...of,
    smallest: of.resources.map(() => new Heap(isLess)),
    blockedBy: undefined,
    places: new Set(),
    parked: new Set(),
    lanesOf: new Map(),
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

/** Amounts of the same step share a site, so that small needs are not blocked with large ones. */
function steps(amount: number, resources: number): number {
  return Math.floor(Math.log2(amount) * (resources === 1 ? 4 : 1));
}
