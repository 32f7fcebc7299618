// Locks, semaphores, events, queues and variables as simply as they can be said: arrays, one request
// after the other, no thought of speed. What the core does is compared with it.

import type { Coordinate } from "./asking.ts";

type Asked = Coordinate & { value?: string };
/** Who asked, and what he is told: its number, "withdrawn", or what he got. */
export type Told = { who: string; id: number; what: string };
type Waiting = { who: string; id: number; count: number; value: string };
type Handed = { who: string; id: number; name: string; items: [number, string][] };

export class Model {
  readonly limits: Record<string, number>;
  readonly maxSize: Record<string, number>;
  held: { who: string; id: number; name: string; count: number }[] = [];
  /** By name, those who wait, the first first: putters under the name and a "+". */
  readonly lines: Record<string, Waiting[]> = {};
  /** By name, what is in a queue with its place in the order of all that ever were. */
  readonly items: Record<string, [number, string][]> = {};
  handed: Handed[] = [];
  readonly set = new Set<string>();
  readonly values: Record<string, string> = {};
  #placed = 0;
  #told: Told[] = [];

  constructor(options: { limits: Record<string, number>; maxSize: Record<string, number> }) {
    this.limits = options.limits;
    this.maxSize = options.maxSize;
  }

  ask(who: string, { id, kind, name, op, count = 1, value = "", wait }: Asked): Told[] {
    const tell = (what: string) => void this.#told.push({ who, id, what });
    const items = this.#items(name);
    if (op === "look") {
      if (kind === "event") tell(`${Number(this.set.has(name))}`);
      else if (kind === "queue") tell(`${items.length}`);
      else tell(`${this.#free(name)}`);
    } else if (op === "clear" && kind === "queue") {
      tell(`${items.splice(0).length}`);
    } else if (op === "clear" || op === "set") {
      tell("done");
      if (kind === "event" && op === "set") this.set.add(name);
      else if (kind === "event") this.set.delete(name);
      else if (op === "set") this.values[name] = value;
      else delete this.values[name];
    } else {
      this.#line(op === "put" ? `${name}+` : name).push({ who, id, count, value });
    }
    this.#settle();
    if (wait === false) this.#withdraw(who, id);
    return this.#take();
  }

  took(who: string, id: number): Told[] {
    this.handed = this.handed.filter((each) => each.who !== who || each.id !== id);
    return this.#take();
  }

  giveBack(who: string, id: number): Told[] {
    this.#withdraw(who, id);
    this.#return((each) => each.who === who && each.id === id);
    this.#settle();
    return this.#take();
  }

  leave(who: string): Told[] {
    for (const line of Object.values(this.lines)) {
      const left = line.filter((each) => each.who !== who);
      line.splice(0, line.length, ...left);
    }
    this.#return((each) => each.who === who);
    this.#settle();
    return this.#take().filter((told) => told.who !== who);
  }

  #withdraw(who: string, id: number): void {
    for (const line of Object.values(this.lines)) {
      const at = line.findIndex((each) => each.who === who && each.id === id);
      if (at < 0) continue;
      line.splice(at, 1);
      this.#told.push({ who, id, what: "withdrawn" });
      this.#settle();
    }
  }

  #return(isOf: (each: { who: string; id: number }) => boolean): void {
    this.held = this.held.filter((each) => !isOf(each));
    for (const { name, items } of this.handed.filter(isOf)) {
      this.#items(name).push(...items);
      this.#items(name).sort(([a], [b]) => a - b);
    }
    this.handed = this.handed.filter((each) => !isOf(each));
  }

  /** Until nobody waits for what he could have. */
  #settle(): void {
    for (const name of Object.keys(this.lines)) this.#serve(name.replace("+", ""));
  }

  #serve(name: string): void {
    for (;;) {
      const first = this.#line(name)[0];
      const putter = this.#line(`${name}+`)[0];
      const items = this.#items(name);
      if (first && this.#canHave(name, first)) {
        this.#line(name).shift();
        this.#give(name, first);
      } else if (putter && items.length < (this.maxSize[name] ?? Infinity)) {
        this.#line(`${name}+`).shift();
        items.push([this.#placed++, putter.value]);
        this.#told.push({ who: putter.who, id: putter.id, what: "done" });
      } else return;
    }
  }

  #canHave(name: string, { count }: Waiting): boolean {
    if (name in this.limits) return count <= this.#free(name);
    if (name.startsWith("queue")) return this.#items(name).length > 0;
    return name.startsWith("event") ? this.set.has(name) : name in this.values;
  }

  #give(name: string, { who, id, count }: Waiting): void {
    let what = "done";
    if (name in this.limits) this.held.push({ who, id, name, count });
    if (name in this.values) what = this.values[name]!;
    if (name.startsWith("queue")) {
      const items = this.#items(name).splice(0, count);
      this.handed.push({ who, id, name, items });
      what = items.map(([, value]) => value).join();
    }
    this.#told.push({ who, id, what });
  }

  #free(name: string): number {
    const held = this.held.filter((each) => each.name === name);
    return this.limits[name]! - held.reduce((sum, { count }) => sum + count, 0);
  }

  #line(name: string): Waiting[] {
    return (this.lines[name] ??= []);
  }

  #items(name: string): [number, string][] {
    return (this.items[name] ??= []);
  }

  #take(): Told[] {
    return this.#told.splice(0);
  }
}
