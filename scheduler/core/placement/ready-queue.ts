// The tasks that could run now, in the order of semantics.md: higher priority first; then clients
// take turns; then what tasks submitted, the deepest first; then what was sent back, then what finishes
// a started part of a graph, then the order of submission. Tasks are never sorted, and lanes stand in
// heaps; those known to find no room stand apart, by site, so that however many wait they are not
// looked at.

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
  readonly #levels = new Map<number, Level>();
  /** The sites with lanes to be asked, by the highest priority of these. */
  readonly #sites = new Heap<Site>((a, b) => a.ranks.first!.priority > b.ranks.first!.priority);
  readonly #blocked = new Set<Site>();
  readonly #awaitingSlot = new Set<Site>();
  #opened: Lane[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The sites that were blocked or have lanes set aside. */
  get blocked(): ReadonlySet<Site> {
    return this.#blocked;
  }

  /** Those among them that wait for a slot to be free. */
  get awaitingSlot(): ReadonlySet<Site> {
    return this.#awaitingSlot;
  }

  /** Gives a lane its place; to be called before it has tasks. */
  attach(lane: Lane): void {
    const { client, priority, constraint } = lane;
    const { site } = constraint;
    let level = this.#levels.get(priority);
    if (level === undefined) this.#levels.set(priority, (level = createLevel(priority)));
    let turn = level.all.get(client);
    if (turn === undefined) level.all.set(client, (turn = createTurn(client, level)));
    let place = turn.all.get(site);
    if (place === undefined) {
      let rank = site.allRanks.get(priority);
      if (rank === undefined) {
        rank = { priority, lanes: 0, places: 0, heapAt: -1 };
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

  /** The lane will never have tasks again. */
  detach(lane: Lane): void {
    this.#release(lane.place!);
    lane.place = undefined;
  }

  /** The site of its constraint has changed. */
  move(lane: Lane): void {
    const before = lane.place!;
    if (lane.ready > 0) this.#leave(lane);
    this.attach(lane);
    this.#release(before);
    if (lane.ready > 0) this.#enter(lane);
  }

  add(task: Task): void {
    const { lane } = task.spec;
    this.#size++;
    const isFirst = lane.ready++ === 0;
    if (task.attempt > 0) lane.again.pushBack(task);
    else if (task.inputs !== undefined) lane.deeper.pushFront(task);
    else {
      lane.roots.pushBack(task);
      if (!isFirst) return;
    }
    if (isFirst) this.#open(lane);
    else this.#headChanged(lane);
  }

  /** The lane whose head comes next among those that are not blocked. */
  next(): Lane | undefined {
    const site = this.#sites.first;
    if (site === undefined) return undefined;
    const level = this.#levels.get(site.ranks.first!.priority)!;
    const { turns } = level;
    for (let step = 0; step < turns.length; step++) {
      const index = (level.next + step) % turns.length;
      const lane = firstLane(turns[index]!);
      if (lane === undefined) continue;
      level.asked = index;
      return lane;
    }
    throw new Error("a site of the ready queue has no lane where it says");
  }

  head(lane: Lane): Task {
    return headOf(lane)!;
  }

  /** A task left the ready state. Its deque drops it when it is the head. */
  remove(task: Task): void {
    const { lane } = task.spec;
    this.#size--;
    lane.ready--;
    if (lane.ready === 0) return this.#close(lane);
    // Drops it where it was the head, so that it does not stand there already if it comes back.
    headOf(lane);
    this.#headChanged(lane);
    compact(lane);
  }

  /**
   * The lane that `next` found gets what it asked for: the client after it is asked first now. One
   * that is blocked keeps its turn, or those with modest needs would always be there before it.
   */
  passTurn(lane: Lane): void {
    const { level } = lane.place!.turn;
    level.next = (level.asked + 1) % level.turns.length;
  }

  /** Nothing of this lane's site finds room, unless it is more urgent, until the site is woken. */
  block(lane: Lane, awaitsSlot: boolean): void {
    const { site } = lane.place!;
    site.blockedBy = lane;
    if (awaitsSlot) this.#awaitingSlot.add(site);
    else this.#awaitingSlot.delete(site);
    this.#opened.push(lane);
    this.#blocked.add(site);
    this.#refresh(site);
  }

  /** This lane finds no room, others of its site may. */
  setAside(lane: Lane): void {
    const { site } = lane.place!;
    this.#hide(lane);
    lane.aside = true;
    this.#noteOpened(lane);
    site.aside.add(lane);
    this.#blocked.add(site);
  }

  /** Whatever was blocked of this site may find room now. */
  wake(site: Site): void {
    site.blockedBy = undefined;
    this.#blocked.delete(site);
    this.#awaitingSlot.delete(site);
    for (const place of site.parked) {
      if (place.lanes.first !== undefined && place.heapAt < 0) place.turn.places.add(place);
    }
    site.parked.clear();
    for (const lane of site.aside) {
      lane.aside = false;
      this.#show(lane);
    }
    site.aside.clear();
    this.#refresh(site);
  }

  /** Asks for the lanes of this site to be among those that `takeOpened` returns. */
  lookAgain(site: Site): void {
    for (const { lanes } of site.places) if (lanes.first) this.#noteOpened(lanes.first);
  }

  /** The lanes that were opened, blocked or to be looked at again since this was asked. */
  takeOpened(): readonly Lane[] {
    if (this.#opened.length === 0) return this.#opened;
    const opened = this.#opened;
    this.#opened = [];
    for (const lane of opened) lane.opened = false;
    return opened;
  }

  /** The lanes that hold tasks, in no order that means anything. Slow: for tests. */
  *lanes(): Iterable<Lane> {
    for (const { turns } of this.#levels.values()) {
      for (const { all } of turns) {
        for (const place of all.values()) {
          yield* place.lanes;
          for (const lane of place.site.aside) if (lane.place === place) yield lane;
        }
      }
    }
  }

  #noteOpened(lane: Lane): void {
    if (lane.opened) return;
    lane.opened = true;
    this.#opened.push(lane);
  }

  #open(lane: Lane): void {
    const { turn } = lane.place!;
    if (turn.lanes++ === 0) turn.level.turns.push(turn);
    this.#enter(lane);
    this.#noteOpened(lane);
  }

  #close(lane: Lane): void {
    for (const deque of [lane.again, lane.deeper, lane.roots]) deque.clear();
    this.#leave(lane);
    const { turn } = lane.place!;
    if (--turn.lanes > 0) return;
    const { level } = turn;
    const { turns } = level;
    const at = turns.indexOf(turn);
    turns.splice(at, 1);
    if (at < level.next) level.next--;
    if (level.next >= turns.length) level.next = 0;
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
    if (level.all.size === 0) this.#levels.delete(level.priority);
  }

  /** The lane has tasks: it stands at its place, and what it asks for counts in its site. */
  #enter(lane: Lane): void {
    const { site } = lane.place!;
    let isSmallest = false;
    for (let index = 0; index < lane.amounts.length; index++) {
      const amount = lane.amounts[index]!;
      site.smallest[index]!.add(amount);
      if (amount.heapAt === 0) isSmallest = true;
    }
    this.#show(lane);
    // What was found to have no room for others may have room for less.
    if (isSmallest && site.blockedBy !== undefined) this.wake(site);
  }

  #leave(lane: Lane): void {
    const { site } = lane.place!;
    for (let index = 0; index < lane.amounts.length; index++) {
      site.smallest[index]!.remove(lane.amounts[index]!);
    }
    if (!lane.aside) return this.#hide(lane);
    lane.aside = false;
    site.aside.delete(lane);
    if (site.aside.size === 0 && site.blockedBy === undefined) this.#blocked.delete(site);
  }

  #show(lane: Lane): void {
    const place = lane.place!;
    const { site, rank } = place;
    place.lanes.add(lane);
    this.#placeChanged(place);
    if (rank.lanes++ > 0) return;
    site.ranks.add(rank);
    this.#refresh(site);
  }

  #hide(lane: Lane): void {
    const place = lane.place!;
    const { site, rank } = place;
    place.lanes.remove(lane);
    this.#placeChanged(place);
    if (--rank.lanes > 0) return;
    site.ranks.remove(rank);
    this.#refresh(site);
  }

  #headChanged(lane: Lane): void {
    if (lane.aside) return;
    const place = lane.place!;
    place.lanes.moved(lane);
    if (place.heapAt >= 0) place.turn.places.moved(place);
  }

  /** What is first in it has changed, or that there is anything. */
  #placeChanged(place: Place): void {
    const { places } = place.turn;
    if (place.lanes.first === undefined) {
      if (place.heapAt >= 0) places.remove(place);
    } else if (place.heapAt >= 0) places.moved(place);
    else if (!place.site.parked.has(place)) places.add(place);
  }

  /** Files the site where its lanes that are not blocked say. */
  #refresh(site: Site): void {
    const priority = site.ranks.first?.priority;
    const isOpen = priority !== undefined && !isSiteBlocked(site, priority);
    if (site.heapAt < 0) {
      if (isOpen) this.#sites.add(site);
    } else if (isOpen) this.#sites.moved(site);
    else this.#sites.remove(site);
  }
}

/** What is first among a client's lanes of one priority; places whose site is blocked go apart. */
function firstLane({ places, level }: Turn): Lane | undefined {
  for (;;) {
    const place = places.first;
    if (place === undefined) return undefined;
    if (!isSiteBlocked(place.site, level.priority)) return place.lanes.first;
    places.remove(place);
    place.site.parked.add(place);
  }
}
