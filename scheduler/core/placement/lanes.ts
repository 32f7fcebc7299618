// The parts of the ready queue: lanes of tasks, where they stand among others, and what is first.

import { Deque } from "../structures/deque.ts";
import { Heap, type Heaped } from "../structures/heap.ts";
import type { Site } from "./sites.ts";
import type { Client, PlacementConstraint, Task } from "../state.ts";

/** The ready tasks of one client, priority and depth that can run in the same places. */
export type Lane = Heaped & {
  readonly client: Client;
  /** Among the lanes of its client. */
  readonly name: string;
  readonly priority: number;
  /** 0 for what programs submit, 1 for what their tasks do, and so on. */
  readonly depth: number;
  readonly constraint: PlacementConstraint;
  /** Sent back by a worker or a retry: these were at the head once and are again. */
  readonly again: Deque<Task>;
  /** Made ready by the finish of an input; newest first, so that a graph is finished depth first. */
  readonly deeper: Deque<Task>;
  /** Ready from the start, in the order of submission. */
  readonly roots: Deque<Task>;
  /** Ready tasks in it. The deques may also hold some that have left the state since. */
  ready: number;
  specs: number;
  /** Where it stands, or will when it has tasks. */
  place: Place | undefined;
  /** It found no room where a smaller one of its site might: passed over until its site is woken. */
  aside: boolean;
  /** It is among those that `takeOpened` will return. */
  opened: boolean;
  /** How much it asks for of each resource that its site names. */
  readonly amounts: readonly Amount[];
};

/** An amount that a lane asks for, among those of its site while the lane has tasks. */
export type Amount = Heaped & { readonly amount: number };

/** The clients with ready tasks of one priority, and whose turn it is. */
export type Level = {
  readonly priority: number;
  readonly all: Map<Client, Turn>;
  /** Those that have ready tasks, as they came. */
  readonly turns: Turn[];
  /** `next` is whose turn it is; `asked` who was asked last, since some of them may be blocked. */
  next: number;
  asked: number;
};

/** One client's part in the round of its level. */
export type Turn = {
  readonly client: Client;
  readonly level: Level;
  readonly all: Map<Site, Place>;
  /** Those with lanes to be asked, by what is first in them. */
  readonly places: Heap<Place>;
  /** Lanes with ready tasks. */
  lanes: number;
};

/** The lanes of one client and priority whose tasks can run on the same workers. */
export type Place = Heaped & {
  readonly turn: Turn;
  readonly site: Site;
  readonly rank: Rank;
  /** Those with ready tasks that are not set aside, by what is first in them. */
  readonly lanes: Heap<Lane>;
  /** Lanes that stand here when they have tasks. */
  attached: number;
};

/** A priority of which a site has, or may have, lanes to be asked. */
export type Rank = Heaped & { readonly priority: number; lanes: number; places: number };

export function createLane(
  of: Pick<Lane, "client" | "name" | "priority" | "depth" | "constraint">,
): Lane {
  const { resources = {} } = of.constraint;
  const names = Object.keys(resources).sort();
  return {
    ...of,
    again: new Deque(),
    deeper: new Deque(),
    roots: new Deque(),
    ready: 0,
    specs: 0,
    place: undefined,
    heapAt: -1,
    aside: false,
    opened: false,
    amounts: names.map((name) => ({ amount: resources[name]!, heapAt: -1 })),
  };
}

export function createLevel(priority: number): Level {
  return { priority, all: new Map(), turns: [], next: 0, asked: 0 };
}

export function createTurn(client: Client, level: Level): Turn {
  return { client, level, all: new Map(), places: new Heap(isPlaceBefore), lanes: 0 };
}

export function createPlace(turn: Turn, site: Site, rank: Rank): Place {
  return { turn, site, rank, lanes: new Heap(comesBefore), attached: 0, heapAt: -1 };
}

/** Whether a lane with tasks may be served before another, by the order of the ready queue. */
export function mayPrecede(a: Lane, b: Lane): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.client !== b.client || comesBefore(a, b);
}

/** Whether a lane is passed over until there is room for it. */
export function isBlocked({ aside, priority, place }: Lane): boolean {
  return aside || isSiteBlocked(place!.site, priority);
}

export function isSiteBlocked({ blockedBy }: Site, priority: number): boolean {
  return blockedBy !== undefined && priority <= blockedBy.priority;
}

/** The ready tasks of a lane, in no order that means anything. */
export function* tasksOf(lane: Lane): Iterable<Task> {
  for (const deque of [lane.again, lane.deeper, lane.roots]) {
    for (const task of deque) if (task.state.at === "ready") yield task;
  }
}

export function headOf(lane: Lane): Task | undefined {
  return firstReady(lane.again) ?? firstReady(lane.deeper) ?? firstReady(lane.roots);
}

/** Drops the tasks that left, once they outnumber the others, so that they do not hold memory. */
export function compact(lane: Lane): void {
  const held = lane.again.size + lane.deeper.size + lane.roots.size;
  if (held < 1_000 || held < 2 * lane.ready) return;
  for (const deque of [lane.again, lane.deeper, lane.roots]) {
    deque.keep((task) => task.state.at === "ready");
  }
}

function isPlaceBefore(a: Place, b: Place): boolean {
  return comesBefore(a.lanes.first!, b.lanes.first!);
}

function comesBefore(a: Lane, b: Lane): boolean {
  if (a.depth !== b.depth) return a.depth > b.depth;
  const rank = rankOf(a) - rankOf(b);
  return rank === 0 ? headOf(a)!.order < headOf(b)!.order : rank < 0;
}

function rankOf(lane: Lane): number {
  return firstReady(lane.again) ? 0 : firstReady(lane.deeper) ? 1 : 2;
}

/** The first task of a deque that is still ready, dropping those before it that are not. */
function firstReady(deque: Deque<Task>): Task | undefined {
  for (;;) {
    const first = deque.first;
    if (first === undefined || first.state.at === "ready") return first;
    deque.popFront();
  }
}
