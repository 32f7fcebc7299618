// The parts of the ready queue: lanes of tasks, and how lanes are ordered. README.md has a picture.

import { Deque } from "../structures/deque.ts";
import { Heap, type Heaped } from "../structures/heap.ts";
import type { Site } from "./sites.ts";
import type { Client, PlacementConstraint, Task } from "../state.ts";

/** The ready tasks of one client, priority and depth with the same placement constraint. */
export type Lane = Heaped & {
  readonly client: Client;
  /** Unique among the lanes of its client. */
  readonly name: string;
  readonly priority: number;
  /** 0 for tasks of programs, 1 for their sub-tasks, and so on. */
  readonly depth: number;
  readonly constraint: PlacementConstraint;
  /** Tasks that were dispatched before: returned by a worker, or retried. */
  readonly returned: Deque<Task>;
  /** Tasks with inputs, the newest ready one first: so graphs are worked off depth first. */
  readonly dependents: Deque<Task>;
  /** Tasks without inputs, in the order of submission. */
  readonly roots: Deque<Task>;
  /** How many tasks are ready. The deques may also have some that are not ready any more. */
  ready: number;
  specs: number;
  /** Its place in the queue, entered while it has tasks. */
  place: Place | undefined;
  /** It found no room, but a lane of its site that needs less may: it waits until the site is woken. */
  aside: boolean;
  /** Its limit was closed when it came up: it is out of the queue until that opens. */
  held: boolean;
  /** How many lanes had been held before it first was, since a task of it was placed. */
  heldAt: number | undefined;
  /** It is in the list that `takeOpened` returns. */
  opened: boolean;
  /** What it needs of each resource of its site. */
  readonly amounts: readonly Amount[];
};

/** What a lane needs of one resource; in a heap of its site while the lane has tasks. */
export type Amount = Heaped & { readonly amount: number };

/** One priority: the clients that have tasks of it, and whose turn it is. */
export type Level = {
  readonly priority: number;
  readonly all: Map<Client, Turn>;
  /** Those with lanes that are not blocked; whose turn was longest ago comes first. */
  readonly turns: Heap<Turn>;
  /** How many turns there were. */
  passed: number;
};

/** One client in the round of a level. */
export type Turn = Heaped & {
  readonly client: Client;
  readonly level: Level;
  readonly all: Map<Site, Place>;
  /** The places with lanes that are not blocked, ordered by their first lanes. */
  readonly places: Heap<Place>;
  /** How many lanes have ready tasks. */
  lanes: number;
  /** How many turns there had been when it last had its turn, or came to have ready tasks. */
  since: number;
};

/** The lanes of one client and priority that belong to one site. */
export type Place = Heaped & {
  readonly turn: Turn;
  readonly site: Site;
  readonly rank: Rank;
  /** The lanes with ready tasks that are neither set aside nor held, in order. */
  readonly lanes: Heap<Lane>;
  /** How many lanes belong here, with tasks or without. */
  attached: number;
};

/** One priority within one site. */
export type Rank = Heaped & {
  readonly priority: number;
  /** Places with lanes that have tasks and are neither set aside nor held. */
  readonly open: Set<Place>;
  places: number;
};

export function createLane(
  of: Pick<Lane, "client" | "name" | "priority" | "depth" | "constraint">,
): Lane {
  const { resources = {} } = of.constraint;
  const names = Object.keys(resources).sort();
  return {
    ...of,
    returned: new Deque(),
    dependents: new Deque(),
    roots: new Deque(),
    ready: 0,
    specs: 0,
    place: undefined,
    heapAt: -1,
    aside: false,
    held: false,
    heldAt: undefined,
    opened: false,
    amounts: names.map((name) => ({ amount: resources[name]!, heapAt: -1 })),
  };
}

export function createLevel(priority: number): Level {
  return { priority, all: new Map(), turns: new Heap(isLongerAgo), passed: 0 };
}

export function createTurn(client: Client, level: Level): Turn {
  const places = new Heap(isPlaceBefore);
  return { client, level, all: new Map(), places, lanes: 0, since: 0, heapAt: -1 };
}

export function createPlace(turn: Turn, site: Site, rank: Rank): Place {
  return { turn, site, rank, lanes: new Heap(comesBefore), attached: 0, heapAt: -1 };
}

/** Whether the head of one lane may be placed before that of another, in the order of the queue. */
export function mayPrecede(a: Lane, b: Lane): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.client !== b.client || comesBefore(a, b);
}

/** Whether a lane is skipped until there may be room for it. */
export function isBlocked({ aside, held, priority, place }: Lane): boolean {
  return aside || held || isSiteBlocked(place!.site, priority);
}

export function isSiteBlocked({ blockedBy }: Site, priority: number): boolean {
  return blockedBy !== undefined && priority <= blockedBy.priority;
}

/** The ready tasks of a lane, in no particular order. */
export function* tasksOf(lane: Lane): Iterable<Task> {
  for (const deque of [lane.returned, lane.dependents, lane.roots]) {
    for (const task of deque) if (isReadyIn(lane, task)) yield task;
  }
}

export function headOf(lane: Lane): Task | undefined {
  const { returned, dependents, roots } = lane;
  return firstReady(lane, returned) ?? firstReady(lane, dependents) ?? firstReady(lane, roots);
}

/** The ledger does not count tasks that are gone, so a lane may only have a few of them. */
const mostIdle = 8;

/** Frees the memory of tasks that are not ready any more, once they are more than the others. */
export function compact(lane: Lane): void {
  const held = lane.returned.size + lane.dependents.size + lane.roots.size;
  if (held < mostIdle || held < 2 * lane.ready) return;
  for (const deque of [lane.returned, lane.dependents, lane.roots]) {
    deque.keep((task) => isReadyIn(lane, task));
  }
}

export function isLongerAgo(a: Turn, b: Turn): boolean {
  return a.since < b.since;
}

export function isPlaceBefore(a: Place, b: Place): boolean {
  return comesBefore(a.lanes.first!, b.lanes.first!);
}

export function comesBefore(a: Lane, b: Lane): boolean {
  if (a.depth !== b.depth) return a.depth > b.depth;
  const difference = dequeOf(a) - dequeOf(b);
  return difference === 0 ? headOf(a)!.order < headOf(b)!.order : difference < 0;
}

/** Number of the deque that the head is in, in their order. */
function dequeOf(lane: Lane): number {
  return firstReady(lane, lane.returned) ? 0 : firstReady(lane, lane.dependents) ? 1 : 2;
}

/** A task that became more urgent is ready in another lane. */
function isReadyIn(lane: Lane, { state, spec }: Task): boolean {
  return state.at === "ready" && spec.lane === lane;
}

/** The first task of a deque that is still ready in this lane. Drops those before it. */
function firstReady(lane: Lane, deque: Deque<Task>): Task | undefined {
  for (;;) {
    const first = deque.first;
    if (first === undefined || isReadyIn(lane, first)) return first;
    deque.popFront();
  }
}
