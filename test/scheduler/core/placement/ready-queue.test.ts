// The queue of ready tasks against a plain list that is searched for what comes next.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createLane, isBlocked, type Lane } from "../../../../scheduler/core/placement/lanes.ts";
import { isHeldBefore, type Limit } from "../../../../scheduler/core/placement/limits.ts";
import { ReadyQueue } from "../../../../scheduler/core/placement/ready-queue.ts";
import type { Roster } from "../../../../scheduler/core/placement/rosters.ts";
import { createSite, type Site } from "../../../../scheduler/core/placement/sites.ts";
import { Heap } from "../../../../scheduler/core/structures/heap.ts";
import type { Client, PlacementConstraint, Spec, Task } from "../../../../scheduler/core/state.ts";

const clients = ["ann", "bob", "cid"];
const priorities = [-1, 0, 7];
/** The site of each constraint. */
const constraints = { f1: "f", f2: "f", g: "g" };

const which = fc.nat(999);
const actions = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("add" as const),
        lane: which,
        kind: fc.constantFrom("root" as const, "deeper" as const),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("take" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("send back" as const), which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("block" as const), which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("set aside" as const), which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("unblock" as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("hold" as const), which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("move" as const), which }) },
  ),
  { maxLength: 150, size: "max" },
);

test("tasks come by priority, then by turns, then sent back, deeper, first submitted", () => {
  fc.assert(
    fc.property(actions, (run) => {
      const model = new Model();
      for (const action of run) model.act(action);
      model.unblockAll();
      while (model.waiting.length > 0) model.act({ do: "take" });
      expect([model.queue.size, [...model.queue.lanes()]]).toEqual([0, []]);
    }),
    { numRuns: 300 },
  );
});

type Action = typeof actions extends fc.Arbitrary<(infer Made)[]> ? Made : never;

/** The queue, and beside it all that is in it as one list. */
class Model {
  readonly queue = new ReadyQueue();
  readonly #sites: Site[];
  readonly #constraints: PlacementConstraint[];
  readonly #lanes: Lane[];
  readonly #limit = { held: new Heap(isHeldBefore) } as Limit;
  #holds = 0;
  waiting: Task[] = [];
  readonly #taken: Task[] = [];
  /** When a task came in: later is nearer the front among the deeper, further back among the others. */
  readonly #came = new Map<Task, number>();
  /** By client and priority: when it last had its turn, or came to have tasks. */
  readonly #turns = new Map<string, number>();
  #count = 0;
  #turn = 0;

  constructor() {
    this.#sites = [...new Set(Object.values(constraints))].map((signature) =>
      createSite({
        signature,
        roster: {} as Roster,
        limited: false,
        resources: [],
      }),
    );
    this.#constraints = Object.entries(constraints).map(([signature, of]) => {
      const site = this.#sites.find((each) => each.signature === of)!;
      return { signature, site, limit: this.#limit } as PlacementConstraint;
    });
    this.#lanes = clients.flatMap((id) => {
      const client = { id } as Client;
      return priorities.flatMap((priority) =>
        this.#constraints.map((constraint) => {
          const name = `${priority} ${constraint.signature}`;
          const lane = createLane({ client, name, priority, depth: 0, constraint });
          this.queue.attach(lane);
          return lane;
        }),
      );
    });
  }

  act(action: Action): void {
    switch (action.do) {
      case "add": {
        const lane = this.#lanes[action.lane % this.#lanes.length]!;
        const inputs = action.kind === "deeper" ? [] : undefined;
        const order = this.#count;
        this.#add({ spec: { lane } as Spec, inputs, attempt: 0, order } as unknown as Task);
        return;
      }
      case "take":
        return this.#take();
      case "drop": {
        const task = this.waiting[action.which % this.waiting.length];
        if (task) this.#remove(task);
        return;
      }
      case "send back": {
        const task = this.#taken[action.which % this.#taken.length];
        if (task === undefined) return;
        this.#taken.splice(this.#taken.indexOf(task), 1);
        return this.#add(task);
      }
      case "block":
      case "hold":
      case "set aside": {
        const lane = this.#lanes[action.which % this.#lanes.length]!;
        if (lane.ready === 0 || isBlocked(lane)) return;
        if (action.do === "block") this.queue.block(lane, false);
        else if (action.do === "hold") this.#hold(lane);
        else this.queue.setAside(lane);
        return;
      }
      case "unblock":
        return this.queue.wake(this.#sites[action.which % this.#sites.length]!);
      case "release":
        return this.#release();
      case "move": {
        const constraint = this.#constraints[action.which % this.#constraints.length]!;
        const before = constraint.site;
        constraint.site = this.#sites.find((each) => each !== before)!;
        this.queue.wake(before);
        for (const lane of this.#lanes) if (lane.constraint === constraint) this.queue.move(lane);
      }
    }
  }

  unblockAll(): void {
    for (const site of this.#sites) this.queue.wake(site);
    while (this.#limit.held.first) this.#release();
  }

  #hold(lane: Lane): void {
    lane.heldAt ??= this.#holds++;
    this.queue.hold(lane);
  }

  /** The most urgent lane that is held, and of those the one that waited longest. */
  #release(): void {
    const { first } = this.#limit.held;
    const held = [...new Set(this.waiting.map(({ spec: { lane } }) => lane))]
      .filter((lane) => lane.held)
      .sort((a, b) => b.priority - a.priority || a.heldAt! - b.heldAt!);
    expect(first).toBe(held[0]);
    if (first) this.queue.release(first);
  }

  #add(task: Task): void {
    const isFirst = !this.waiting.some(
      ({ spec: { lane } }) => turnOf(lane) === turnOf(task.spec.lane),
    );
    if (isFirst) this.#turns.set(turnOf(task.spec.lane), this.#turn++);
    task.state = { at: "ready" };
    this.queue.add(task);
    this.waiting.push(task);
    this.#came.set(task, this.#count++);
  }

  #take(): void {
    const expected = this.#first();
    const lane = this.queue.next();
    const task = lane && this.queue.head(lane);
    expect(task).toBe(expected);
    if (lane === undefined || task === undefined) return;
    this.queue.passTurn(lane);
    this.#turns.set(turnOf(lane), this.#turn++);
    task.attempt++;
    this.#remove(task);
    this.#taken.push(task);
  }

  #remove(task: Task): void {
    task.state = { at: "new" };
    this.queue.remove(task.spec.lane);
    this.waiting = this.waiting.filter((each) => each !== task);
  }

  /** The order of the rules, by looking at everything. */
  #first(): Task | undefined {
    const open = this.waiting.filter(({ spec: { lane } }) => {
      const { blockedBy } = lane.constraint.site;
      if (lane.aside || lane.held) return false;
      return blockedBy === undefined || lane.priority > blockedBy.priority;
    });
    const priority = Math.max(...open.map(({ spec: { lane } }) => lane.priority));
    const urgent = open.filter(({ spec: { lane } }) => lane.priority === priority);
    const since = (lane: Lane) => this.#turns.get(turnOf(lane))!;
    const client = urgent
      .map(({ spec: { lane } }) => lane)
      .sort((a, b) => since(a) - since(b))
      .at(0)?.client;
    const heads = new Map<Lane, Task>();
    for (const task of urgent) {
      const { lane } = task.spec;
      if (lane.client !== client) continue;
      const other = heads.get(lane);
      if (other === undefined || this.#isBefore(task, other)) heads.set(lane, task);
    }
    const rank = ({ attempt, inputs }: Task) => (attempt > 0 ? 0 : inputs ? 1 : 2);
    return [...heads.values()].sort((a, b) => rank(a) - rank(b) || a.order - b.order)[0];
  }

  /** Within one lane. */
  #isBefore(a: Task, b: Task): boolean {
    const rank = ({ attempt, inputs }: Task) => (attempt > 0 ? 0 : inputs ? 1 : 2);
    if (rank(a) !== rank(b)) return rank(a) < rank(b);
    const [cameA, cameB] = [this.#came.get(a)!, this.#came.get(b)!];
    return rank(a) === 1 ? cameA > cameB : cameA < cameB;
  }
}

function turnOf({ client, priority }: Lane): string {
  return `${client.id} ${priority}`;
}
