// The tasks that could run now, in the order of semantics.md: higher priority first; then clients
// take turns; then what tasks submitted, the deepest first; then what was sent back, then what finishes a started part of a graph, then the order
// of submission. All of it is constant time per task: no task is ever sorted.

import { Deque } from "./deque.ts";
import type { Client, Requirement, Task } from "./state.ts";

/** The ready tasks of one client, priority and depth that can run in the same places. */
export type Lane = {
  readonly client: Client;
  /** Among the lanes of its client. */
  readonly name: string;
  readonly priority: number;
  /** 0 for what programs submit, 1 for what their tasks do, and so on. */
  readonly depth: number;
  readonly requirement: Requirement;
  /** Sent back by a worker or a retry: these were at the head once and are again. */
  readonly again: Deque<Task>;
  /** Made ready by the finish of an input; newest first, so that a graph is finished depth first. */
  readonly deeper: Deque<Task>;
  /** Ready from the start, in the order of submission. */
  readonly roots: Deque<Task>;
  /** Ready tasks in it. The deques may also hold some that have left the state since. */
  ready: number;
  specs: number;
};

/** `next` is whose turn it is; `asked` who was asked last, since some of them may be blocked. */
type Level = { readonly priority: number; readonly turns: Turn[]; next: number; asked: number };
/** One client's place in the round of its level. */
type Turn = { readonly client: Client; readonly lanes: Lane[] };

export class ReadyQueue {
  /** Highest priority first. A level, a turn and a lane stand here only while they have tasks. */
  readonly #levels: Level[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(task: Task): void {
    const { lane } = task.spec;
    this.#size++;
    if (lane.ready++ === 0) this.#open(lane);
    if (task.attempt > 0) lane.again.pushBack(task);
    else if (task.inputs !== undefined) lane.deeper.pushFront(task);
    else lane.roots.pushBack(task);
  }

  /** The lane whose head comes next among those that are not blocked. */
  next(): Lane | undefined {
    for (const level of this.#levels) {
      const { turns } = level;
      for (let step = 0; step < turns.length; step++) {
        const index = (level.next + step) % turns.length;
        const lane = firstLane(turns[index]!.lanes);
        if (lane === undefined) continue;
        level.asked = index;
        return lane;
      }
    }
    return undefined;
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
    compact(lane);
  }

  /**
   * The lane that `next` found gets what it asked for: the client after it is asked first now. One
   * that is blocked keeps its turn, or those with modest needs would always be there before it.
   */
  passTurn({ priority }: Lane): void {
    const level = this.#levels.find((candidate) => candidate.priority === priority)!;
    level.next = (level.asked + 1) % level.turns.length;
  }

  /** The lanes that hold tasks, in no order that means anything. */
  *lanes(): Iterable<Lane> {
    for (const level of this.#levels) for (const turn of level.turns) yield* turn.lanes;
  }

  /** The ready tasks of a lane, in no order that means anything. */
  *tasksOf(lane: Lane): Iterable<Task> {
    for (const deque of [lane.again, lane.deeper, lane.roots]) {
      for (const task of deque) if (task.state.at === "ready") yield task;
    }
  }

  #open(lane: Lane): void {
    let at = this.#levels.findIndex((level) => level.priority <= lane.priority);
    if (at < 0) at = this.#levels.length;
    let level = this.#levels[at];
    if (level?.priority !== lane.priority) {
      level = { priority: lane.priority, turns: [], next: 0, asked: 0 };
      this.#levels.splice(at, 0, level);
    }
    const turn = level.turns.find((candidate) => candidate.client === lane.client);
    if (turn) turn.lanes.push(lane);
    else level.turns.push({ client: lane.client, lanes: [lane] });
  }

  #close(lane: Lane): void {
    for (const deque of [lane.again, lane.deeper, lane.roots]) deque.clear();
    const at = this.#levels.findIndex((candidate) => candidate.priority === lane.priority);
    const level = this.#levels[at]!;
    const place = level.turns.findIndex((turn) => turn.client === lane.client);
    const { lanes } = level.turns[place]!;
    lanes.splice(lanes.indexOf(lane), 1);
    if (lanes.length > 0) return;
    level.turns.splice(place, 1);
    if (place < level.next) level.next--;
    if (level.next >= level.turns.length) level.next = 0;
    if (level.turns.length === 0) this.#levels.splice(at, 1);
  }
}

export function createLane(
  of: Pick<Lane, "client" | "name" | "priority" | "depth" | "requirement">,
): Lane {
  return { ...of, again: new Deque(), deeper: new Deque(), roots: new Deque(), ready: 0, specs: 0 };
}

/** Whether a lane with tasks may be served before another, by the order of this queue. */
export function mayPrecede(a: Lane, b: Lane): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.client !== b.client || comesBefore(a, b);
}

export function isBlocked({ priority, requirement: { blockedBy } }: Lane): boolean {
  return blockedBy !== undefined && priority <= blockedBy.priority;
}

function firstLane(lanes: readonly Lane[]): Lane | undefined {
  let best: Lane | undefined;
  for (const lane of lanes) {
    if (isBlocked(lane)) continue;
    if (lanes.length === 1) return lane;
    if (best === undefined || comesBefore(lane, best)) best = lane;
  }
  return best;
}

function comesBefore(a: Lane, b: Lane): boolean {
  if (a.depth !== b.depth) return a.depth > b.depth;
  const rank = rankOf(a) - rankOf(b);
  return rank === 0 ? headOf(a)!.order < headOf(b)!.order : rank < 0;
}

function rankOf(lane: Lane): number {
  return firstReady(lane.again) ? 0 : firstReady(lane.deeper) ? 1 : 2;
}

function headOf(lane: Lane): Task | undefined {
  return firstReady(lane.again) ?? firstReady(lane.deeper) ?? firstReady(lane.roots);
}

/** The first task of a deque that is still ready, dropping those before it that are not. */
function firstReady(deque: Deque<Task>): Task | undefined {
  for (;;) {
    const first = deque.first;
    if (first === undefined || first.state.at === "ready") return first;
    deque.popFront();
  }
}

/** Drops the tasks that left, once they outnumber the others, so that they do not hold memory. */
function compact(lane: Lane): void {
  const held = lane.again.size + lane.deeper.size + lane.roots.size;
  if (held < 1_000 || held < 2 * lane.ready) return;
  for (const deque of [lane.again, lane.deeper, lane.roots]) {
    deque.keep((task) => task.state.at === "ready");
  }
}
