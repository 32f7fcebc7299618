// The ready queue: the tasks that could run now, in the order of semantics.md. Higher priorities come
// first; then clients take turns; then sub-tasks, the deepest first; then returned tasks, then
// dependents, then the order of submission. Tasks are never sorted: lanes are in heaps. Lanes that
// found no room are out of the heaps, site by site, and cost nothing however many there are.

import { Heap } from "../structures/heap.ts";
import {
  compact,
  createLevel,
  createPlace,
  createTurn,
  headOf,
  isSiteBlocked,
  type Lane,
  type Level,
  type Place,
  type Turn,
} from "./lanes.ts";
import type { Site } from "./sites.ts";
import type { Task } from "../state.ts";

export class ReadyQueue {
  private readonly levels = new Map<number, Level>();
  /** The sites with lanes that are not blocked, by the highest priority of these. */
  private readonly sites = new Heap<Site>(isMoreUrgent);
  private readonly blockedSites = new Set<Site>();
  private readonly sitesAwaitingSlot = new Set<Site>();
  /** The lanes that wait for their limits. */
  private readonly held = new Set<Lane>();
  private opened: Lane[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The sites that are blocked or have lanes set aside. */
  get blocked(): ReadonlySet<Site> {
    return this.blockedSites;
  }

  /** Those of them that wait for a free slot. */
  get awaitingSlot(): ReadonlySet<Site> {
    return this.sitesAwaitingSlot;
  }

  /** Gives a lane its place, before it has tasks. */
  attach(lane: Lane): void {
    const { client, priority, constraint } = lane;
    const { site } = constraint;
    let level = this.levels.get(priority);
    if (level === undefined) this.levels.set(priority, (level = createLevel(priority)));
    let turn = level.all.get(client);
    if (turn === undefined) level.all.set(client, (turn = createTurn(client, level)));
    let place = turn.all.get(site);
    if (place === undefined) {
      let rank = site.allRanks.get(priority);
      if (rank === undefined) {
        rank = { priority, open: new Set(), places: 0, heapAt: -1 };
        site.allRanks.set(priority, rank);
      }
      rank.places++;
      place = createPlace(turn, site, rank);
      turn.all.set(site, place);
      site.places.add(place);
    }
    place.attached++;
    lane.place = place;
  }

  /** Takes out a lane that will never have tasks again. */
  detach(lane: Lane): void {
    this.#release(lane.place!);
    lane.place = undefined;
  }

  /** Moves a lane whose constraint has another site now. */
  move(lane: Lane): void {
    const before = lane.place!;
    if (lane.ready > 0) this.#leave(lane);
    this.attach(lane);
    this.#release(before);
    if (lane.ready > 0) this.#enter(lane);
  }

  add(task: Task): void {
    const { lane } = task.spec;
    this.count++;
    const isFirst = lane.ready++ === 0;
    if (task.attempt > 0) lane.returned.pushBack(task);
    else if (task.inputs !== undefined) lane.dependents.pushFront(task);
    else {
      lane.roots.pushBack(task);
      if (!isFirst) return;
    }
    if (isFirst) this.#open(lane);
    else this.#headChanged(lane);
  }

  /** The lane whose head comes next, of those that are not blocked. */
  next(): Lane | undefined {
    const site = this.sites.first;
    if (site === undefined) return undefined;
    const { turns } = this.levels.get(site.ranks.first!.priority)!;
    for (let turn = turns.first; turn !== undefined; turn = turns.first) {
      const lane = firstLane(turn);
      if (lane !== undefined) return lane;
      turns.remove(turn);
    }
    throw new Error("a site of the ready queue has no lane where it says");
  }

  head(lane: Lane): Task {
    return headOf(lane)!;
  }

  /** Called when a task is not ready any more, or in another lane. Its deque drops it once it is the head. */
  remove(lane: Lane): void {
    this.count--;
    lane.ready--;
    if (lane.ready === 0) return this.#close(lane);
    // Drops the task where it was the head, or it would be there twice when it becomes ready again.
    headOf(lane);
    this.#headChanged(lane);
    compact(lane);
  }

  /**
   * Called when the head of the lane from `next` is placed: the turn passes to the next client, and to the next
   * lane of its limit. One whose lane is blocked keeps its turn, or those that need less would always come first.
   */
  passTurn(lane: Lane): void {
    lane.heldAt = undefined;
    const { turn } = lane.place!;
    const { level } = turn;
    turn.since = ++level.passed;
    level.turns.moved(turn);
  }

  /** Blocks the site of a lane, for its priority and lower ones, until the site is woken. */
  block(lane: Lane, awaitsSlot: boolean): void {
    const { site } = lane.place!;
    site.blockedBy = lane;
    if (awaitsSlot) this.sitesAwaitingSlot.add(site);
    else this.sitesAwaitingSlot.delete(site);
    this.opened.push(lane);
    this.blockedSites.add(site);
    this.#refresh(site);
  }

  /** Sets a lane aside that finds no room while others of its site may. */
  setAside(lane: Lane): void {
    const { site } = lane.place!;
    this.#hide(lane);
    lane.aside = true;
    this.#noteOpened(lane);
    site.aside.add(lane);
    this.blockedSites.add(site);
  }

  /** Takes a lane out of the queue, into the held ones of its limit, until `release`. */
  hold(lane: Lane): void {
    this.#leave(lane);
    lane.held = true;
    lane.constraint.limit!.held.add(lane);
    this.held.add(lane);
    lane.place!.site.held.add(lane);
  }

  /** Brings a held lane back: it may find room now, unless its site is blocked. */
  release(lane: Lane): void {
    this.#endHold(lane);
    this.#enter(lane);
    this.#noteOpened(lane);
  }

  /** Unblocks a site: its lanes may find room now. */
  wake(site: Site): void {
    site.blockedBy = undefined;
    this.blockedSites.delete(site);
    this.sitesAwaitingSlot.delete(site);
    for (const place of site.parked) {
      if (place.lanes.first !== undefined && place.heapAt < 0) addToTurn(place);
    }
    site.parked.clear();
    for (const lane of site.aside) {
      lane.aside = false;
      this.#show(lane);
    }
    site.aside.clear();
    this.#refresh(site);
  }

  /** Has `takeOpened` return a lane of this site, of those that are most urgent. */
  lookAgain(site: Site): void {
    for (const { lanes } of site.ranks.first?.open ?? []) return this.#noteOpened(lanes.first!);
  }

  /** The same for a lane of each function: some of them may be unschedulable now. */
  lookAtEachFunction(site: Site): void {
    this.lookAgain(site);
    for (const lanes of site.lanesOf.values()) {
      for (const lane of lanes) {
        this.#noteOpened(lane);
        break;
      }
    }
  }

  /** The lanes that got their first task, were blocked or are to be looked at again, since the last call. */
  takeOpened(): readonly Lane[] {
    if (this.opened.length === 0) return this.opened;
    const opened = this.opened;
    this.opened = [];
    for (const lane of opened) lane.opened = false;
    return opened;
  }

  /** The lanes with tasks, in no particular order. Slow. */
  *lanes(): Iterable<Lane> {
    yield* this.held;
    for (const { all: turns } of this.levels.values()) {
      for (const { all } of turns.values()) {
        for (const place of all.values()) yield* place.lanes;
      }
    }
    for (const { aside } of this.blockedSites) yield* aside;
  }

  #noteOpened(lane: Lane): void {
    if (lane.opened) return;
    lane.opened = true;
    this.opened.push(lane);
  }

  #open(lane: Lane): void {
    const { turn } = lane.place!;
    if (turn.lanes++ === 0) turn.since = ++turn.level.passed;
    this.#enter(lane);
    this.#noteOpened(lane);
  }

  #close(lane: Lane): void {
    for (const deque of [lane.returned, lane.dependents, lane.roots]) deque.clear();
    this.#leave(lane);
    lane.place!.turn.lanes--;
  }

  #release(place: Place): void {
    place.attached--;
    if (place.attached > 0) return;
    const { turn, site, rank } = place;
    const { level, client } = turn;
    site.places.delete(place);
    site.parked.delete(place);
    rank.places--;
    if (rank.places === 0) site.allRanks.delete(rank.priority);
    turn.all.delete(site);
    if (turn.all.size === 0) level.all.delete(client);
    if (level.all.size === 0) this.levels.delete(level.priority);
  }

  /** The lane has tasks now: it enters its place, and its needs count in the site. */
  #enter(lane: Lane): void {
    const { site } = lane.place!;
    let isSmallest = false;
    for (let index = 0; index < lane.amounts.length; index++) {
      const amount = lane.amounts[index]!;
      site.smallest[index]!.add(amount);
      if (amount.heapAt === 0) isSmallest = true;
    }
    const { function: facts } = lane.constraint;
    const lanes = site.lanesOf.get(facts);
    if (lanes === undefined) site.lanesOf.set(facts, new Set([lane]));
    else lanes.add(lane);
    this.#show(lane);
    // There was no room for the others, but there may be for less.
    if (isSmallest && site.blockedBy !== undefined) this.wake(site);
  }

  #leave(lane: Lane): void {
    if (lane.held) return this.#endHold(lane);
    const { site } = lane.place!;
    for (let index = 0; index < lane.amounts.length; index++) {
      site.smallest[index]!.remove(lane.amounts[index]!);
    }
    const { function: facts } = lane.constraint;
    const lanes = site.lanesOf.get(facts)!;
    lanes.delete(lane);
    if (lanes.size === 0) site.lanesOf.delete(facts);
    if (!lane.aside) return this.#hide(lane);
    lane.aside = false;
    site.aside.delete(lane);
    if (site.aside.size === 0 && site.blockedBy === undefined) this.blockedSites.delete(site);
  }

  #endHold(lane: Lane): void {
    lane.held = false;
    lane.constraint.limit!.held.remove(lane);
    this.held.delete(lane);
    lane.place!.site.held.delete(lane);
  }

  #show(lane: Lane): void {
    const place = lane.place!;
    const { site, rank } = place;
    place.lanes.add(lane);
    this.#placeChanged(place);
    rank.open.add(place);
    if (rank.heapAt >= 0) return;
    site.ranks.add(rank);
    this.#refresh(site);
  }

  #hide(lane: Lane): void {
    const place = lane.place!;
    const { site, rank } = place;
    place.lanes.remove(lane);
    this.#placeChanged(place);
    if (place.lanes.first !== undefined) return;
    rank.open.delete(place);
    if (rank.open.size > 0) return;
    site.ranks.remove(rank);
    this.#refresh(site);
  }

  #headChanged(lane: Lane): void {
    if (lane.aside || lane.held) return;
    const place = lane.place!;
    place.lanes.moved(lane);
    if (place.heapAt >= 0) place.turn.places.moved(place);
  }

  /** The first lane of a place has changed, or there is one now, or none any more. */
  #placeChanged(place: Place): void {
    const { places, level } = place.turn;
    if (place.lanes.first === undefined) {
      if (place.heapAt >= 0) places.remove(place);
      if (places.size === 0 && place.turn.heapAt >= 0) level.turns.remove(place.turn);
    } else if (place.heapAt >= 0) places.moved(place);
    else if (!place.site.parked.has(place)) addToTurn(place);
  }

  /** Puts the site into the heap of sites, moves it or takes it out, as its lanes that are not blocked say. */
  #refresh(site: Site): void {
    const priority = site.ranks.first?.priority;
    const isOpen = priority !== undefined && !isSiteBlocked(site, priority);
    if (site.heapAt < 0) {
      if (isOpen) this.sites.add(site);
    } else if (isOpen) this.sites.moved(site);
    else this.sites.remove(site);
  }
}

/** Whether the open lanes of one site may be more urgent than those of another. */
export function isMoreUrgent(a: Site, b: Site): boolean {
  return a.ranks.first!.priority > b.ranks.first!.priority;
}

function addToTurn(place: Place): void {
  const { turn } = place;
  turn.places.add(place);
  if (turn.heapAt < 0) turn.level.turns.add(turn);
}

/** The first lane of a turn. Places whose site is blocked are parked until it is woken. */
function firstLane({ places, level }: Turn): Lane | undefined {
  for (;;) {
    const place = places.first;
    if (place === undefined) return undefined;
    if (!isSiteBlocked(place.site, level.priority)) return place.lanes.first;
    places.remove(place);
    place.site.parked.add(place);
  }
}
