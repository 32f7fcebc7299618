// What the tasks of a simulation do: return at once, take their time, throw, hang, or take their thread
// down. A plain model of the same functions, in `digest`, says what they must return.

import { currentTask } from "../../worker/index.ts";
import { currentTime } from "./platform.ts";
import type { Scope } from "./virtual-time.ts";

/** What really happened to the tasks, as seen by the functions themselves. */
export class Book {
  /** How often each task began, by its number. */
  readonly begun = new Map<number, number>();
  /** What executes now, and what was executing when its thread ended. */
  readonly executing = new Set<Execution>();
  /** What each task uses of the one resource there is, and how much of it each worker has. */
  readonly uses = new Map<number, number>();
  readonly capacity = new Map<string, number>();
  /** The keys of the tasks of a schedule that ran, as often as they did. */
  readonly ticks: string[] = [];
  /** The names of the limits of tasks, and how many may run under each. */
  readonly limits = new Map<number, { name: string; maxRunning: number }>();
  readonly broken: string[] = [];
  readonly leases = new Leases(this.broken);
  /** Whether the scheduler must still believe in what runs there, and in the client of a task. */
  isSure: (scope: Scope) => boolean = () => true;
  readonly owners = new Map<number, () => boolean>();
  /** Ends the process of a worker at once. */
  killWorker: (process: Scope) => void = () => undefined;

  begin(id: number): Execution {
    const times = (this.begun.get(id) ?? 0) + 1;
    this.begun.set(id, times);
    const { scope } = currentTime();
    const limit = this.limits.get(id);
    const leave =
      limit &&
      this.leases.take(`limit ${limit.name}`, limit.maxRunning, () => {
        return !scope.dead && this.isSure(scope);
      });
    const execution = { id, times, scope, leave };
    this.executing.add(execution);
    for (const other of this.executing) if (other.scope.dead) this.executing.delete(other);
    if (this.uses.has(id)) this.#checkUse(execution.scope.process);
    return execution;
  }

  #checkUse(worker: Scope): void {
    const capacity = this.capacity.get(worker.name) ?? Infinity;
    let used = 0;
    for (const { id, scope } of this.executing) {
      if (scope.process === worker) used += this.uses.get(id) ?? 0;
    }
    if (used > capacity) this.broken.push(`${used} of ${capacity} gpu in use on ${worker.name}`);
  }

  end(execution: Execution): void {
    this.executing.delete(execution);
    execution.leave?.();
  }
}

/** Who holds what there is only so much of. */
class Leases {
  readonly #taken = new Map<string, Set<() => boolean>>();
  readonly #broken: string[];

  constructor(broken: string[]) {
    this.#broken = broken;
  }

  /** Taken by somebody who counts as long as he is sure to have it. Returns how to leave it. */
  take(name: string, limit: number, isSure: () => boolean): () => void {
    const all = this.#taken.get(name) ?? new Set();
    this.#taken.set(name, all.add(isSure));
    const holders = [...all].filter((each) => each()).length;
    if (holders > limit) this.#broken.push(`${holders} hold ${name}, which ${limit} may`);
    return () => all.delete(isSure);
  }
}

export type Execution = {
  id: number;
  times: number;
  scope: Scope;
  leave: (() => void) | undefined;
};

let book = new Book();

export function openBook(opened: Book): void {
  book = opened;
}

type Parts = unknown;

export const functions = {
  quick: (id: number, parts: Parts) => {
    const execution = book.begin(id);
    const value = valueOf(id, parts);
    book.end(execution);
    return value;
  },
  slow: (id: number, parts: Parts, ms: number) => during(id, ms, () => valueOf(id, parts)),
  big: (id: number, parts: Parts, ms: number, bytes: number) =>
    during(id, ms, () => bigValueOf(id, parts, bytes)),
  fails: (id: number, _parts: Parts, ms: number) =>
    during(id, ms, () => {
      throw new RangeError(`fails ${id}`);
    }),
  /** Throws so many times before it returns. */
  flaky: (id: number, parts: Parts, ms: number, count: number) =>
    during(id, ms, ({ times }) => {
      if (times <= count) throw new RangeError(`fails ${id}`);
      return valueOf(id, parts);
    }),
  /** Takes its thread down so many times before it returns. */
  dies: (id: number, parts: Parts, ms: number, count: number) =>
    during(id, ms, async ({ times, scope }) => {
      if (times > count) return valueOf(id, parts);
      scope.thread?.die();
      return never();
    }),
  /** Takes its worker down so many times before it returns. */
  kills: (id: number, parts: Parts, ms: number, count: number) =>
    during(id, ms, ({ times, scope }) => {
      if (times > count) return valueOf(id, parts);
      book.killWorker(scope.process);
      return never();
    }),
  /** Hangs so many times before it returns; a loop that nothing but the end of its thread ends. */
  hangs: (id: number, parts: Parts, ms: number, count: number) =>
    during(id, ms, ({ times }) => (times > count ? valueOf(id, parts) : never())),
  /** Has others compute a part of it. */
  spawns: (id: number, parts: Parts, ms: number, count: number) =>
    during(id, ms, async () => {
      const client = currentTask().client as Submitting;
      const values = subTasksOf(id, count).map((sub) => submitPatiently(client, sub, ms));
      return valueOf(id, [parts, await Promise.all(values)]);
    }),
  /** Holds a lock, or one lease of a semaphore, for a while. */
  guards: (id: number, parts: Parts, ms: number, name: string, limit: number) =>
    during(id, 1, async ({ scope }) => {
      const { client } = currentTask();
      const held = await (
        limit === 1 ? client.lock(name) : client.semaphore(name, limit)
      ).acquire();
      const isOwned = book.owners.get(id)!;
      const leave = book.leases.take(name, limit, () => book.isSure(scope) && isOwned());
      await new Promise((resolve) => setTimeout(resolve, ms));
      leave();
      held.release();
      return valueOf(id, parts);
    }),
  /** What a schedule submits: some take much longer than others. */
  ticks: (id: number, ms: number) => {
    const { key } = currentTask();
    const isLong = book.ticks.length % 5 === 0;
    return during(id, isLong ? 8 * ms : ms, () => void book.ticks.push(key));
  },
  /** Goes on until it is asked to end. */
  obeys: (id: number) =>
    during(id, 1, async () => {
      const { signal } = currentTask();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw signal.reason;
    }),
};
export type FunctionName = keyof typeof functions;

async function during<Value>(
  id: number,
  ms: number,
  then: (execution: Execution) => Value,
): Promise<Awaited<Value>> {
  const execution = book.begin(id);
  try {
    await new Promise((resolve) => setTimeout(resolve, ms / 2));
    if (ms > 10) currentTask().progress(0.5);
    await new Promise((resolve) => setTimeout(resolve, ms / 2));
    return await then(execution);
  } finally {
    book.end(execution);
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

// ── The model ────────────────────────────────────────────────────────────────────────────────────

export function valueOf(id: number, parts: Parts): number {
  return mix(mix(17, id), digest(parts));
}

type Submitting = {
  submit(name: string, ...args: unknown[]): unknown;
  gather(futures: unknown[]): Promise<unknown[]>;
};

/** Makes a call again that the scheduler refused for want of memory. */
async function submitPatiently(client: Submitting, sub: number, ms: number): Promise<unknown> {
  for (;;) {
    try {
      const [value] = await client.gather([client.submit("slow", sub, 0, ms)]);
      return value;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "overloaded") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The numbers of its sub-tasks, which nobody else has. */
export function subTasksOf(id: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => 100_000 + 100 * id + index);
}

export function spawnedValueOf(id: number, parts: Parts, count: number): number {
  return valueOf(id, [parts, subTasksOf(id, count).map((sub) => valueOf(sub, 0))]);
}

export function bigValueOf(id: number, parts: Parts, bytes: number) {
  const sum = valueOf(id, parts);
  return { sum, data: new Uint8Array(bytes).fill(sum & 0xff) };
}

/** One number for any value, which differs when the value does. */
export function digest(value: unknown): number {
  if (typeof value === "number") return value | 0;
  if (value instanceof Uint8Array) return mix(mix(value.length, value[0] ?? 0), value.at(-1) ?? 0);
  if (Array.isArray(value)) return value.reduce((sum: number, item) => mix(sum, digest(item)), 3);
  if (value instanceof Map) return mix(5, digest([...value]));
  if (value instanceof Set) return mix(7, digest([...value]));
  if (typeof value === "string") return value.length;
  if (typeof value === "object" && value !== null) return mix(11, digest(Object.values(value)));
  return 13;
}

export function mix(sum: number, value: number): number {
  const mixed = Math.imul(sum ^ value, 0x01000193);
  return (mixed ^ (mixed >>> 15)) | 0;
}
