// The devices of this worker, such as GPUs: which call has which. The scheduler counts amounts only. So there
// may be enough in all, but in parts of devices, or on a device whose call is not off its thread yet: a
// call waits here until there are devices for it.

import type { Resources } from "../../src/wire/protocol.ts";
import type { Grant } from "../boundary/grant.ts";
import type { Call } from "./call.ts";

/** A device: its name for tasks, and how environment variables name it. */
export type Device = {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
};

/** By resource. */
export type DeviceLists = Readonly<Record<string, readonly Device[]>>;

/** Of one device. Amounts are whole numbers of millionths, as the scheduler counts them. */
type Shelf = Device & { readonly capacity: number; free: number };
type Taken = { readonly shelf: Shelf; readonly amount: number };
const whole = 1e6;

type Waiting = { readonly call: Call; readonly isRegaining: boolean; readonly granted: () => void };

export class Devices {
  readonly #shelves: ReadonlyMap<string, readonly Shelf[]>;
  readonly #taken = new Map<Call, Taken[]>();
  /** In the order of their turns: calls that regain theirs, then calls that have not begun. */
  readonly #waiting: Waiting[] = [];

  /** @param amounts how much there is of each resource: of the last device it may be a part */
  constructor(lists: DeviceLists = {}, amounts: Resources = {}) {
    this.#shelves = new Map(
      Object.entries(lists).flatMap(([resource, devices]) => {
        if (devices.length === 0) return [];
        const amount = amounts[resource] ?? devices.length;
        const shelves = devices.map((device, index) => {
          const capacity = Math.round(Math.min(1, Math.max(0, amount - index)) * whole);
          return { ...device, capacity, free: capacity };
        });
        return [[resource, shelves] as const];
      }),
    );
  }

  /** Grants a call what it asked for, at once or when it is its turn, and says so. */
  request(call: Call, granted: () => void, isRegaining = false): void {
    const { resources = {} } = call.terms;
    if (Object.keys(resources).length === 0) {
      // It lends nothing but its place under a limit, and waits for nobody's device.
      call.grant = grantOf(resources, new Map());
      return granted();
    }
    const before = isRegaining ? this.#waiting.findIndex((other) => !other.isRegaining) : -1;
    const place = before === -1 ? this.#waiting.length : before;
    this.#waiting.splice(place, 0, { call, isRegaining, granted });
    this.#serve();
  }

  /** Takes a call back that waits to begin. */
  takeBack(call: Call): boolean {
    const place = this.#waiting.findIndex((each) => each.call === call && !each.isRegaining);
    if (place === -1) return false;
    this.#waiting.splice(place, 1);
    this.#serve();
    return true;
  }

  /** Takes all calls back that wait to begin. */
  takeAllBack(): Call[] {
    const first = this.#waiting.findIndex(({ isRegaining }) => !isRegaining);
    return first === -1 ? [] : this.#waiting.splice(first).map(({ call }) => call);
  }

  /** The call is over or lends what it has: frees its devices, and ends its wait for some. */
  release(call: Call): void {
    const place = this.#waiting.findIndex((each) => each.call === call);
    if (place !== -1) this.#waiting.splice(place, 1);
    for (const { shelf, amount } of this.#taken.get(call) ?? []) shelf.free += amount;
    this.#taken.delete(call);
    call.grant = undefined;
    this.#serve();
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const { call, granted } = next;
      const taken = this.#take(call.terms.resources ?? {});
      if (taken === undefined) return;
      this.#waiting.shift();
      if (taken.size > 0) this.#taken.set(call, [...taken.values()].flat());
      call.grant = grantOf(call.terms.resources ?? {}, taken);
      granted();
    }
  }

  /** Takes devices of each resource that has any; undefined when they are not free. */
  #take(resources: Resources): Map<string, Taken[]> | undefined {
    const taken = new Map<string, Taken[]>();
    for (const [resource, amount] of Object.entries(resources)) {
      const shelves = this.#shelves.get(resource);
      if (shelves === undefined) continue;
      const some = choose(shelves, Math.round(amount * whole));
      if (some === undefined) return undefined;
      taken.set(resource, some);
    }
    for (const { shelf, amount } of [...taken.values()].flat()) shelf.free -= amount;
    return taken;
  }
}

/** Whole devices that are free, and for a fraction the device on which the least is left beside it. */
function choose(shelves: readonly Shelf[], amount: number): Taken[] | undefined {
  const count = Math.floor(amount / whole);
  const wholes = shelves.filter(({ free }) => free === whole).slice(0, count);
  if (wholes.length < count) return undefined;
  const taken = wholes.map((shelf) => ({ shelf, amount: whole }));
  const rest = amount - count * whole;
  if (rest === 0) return taken;
  const fitting = shelves.filter((shelf) => shelf.free >= rest && !wholes.includes(shelf));
  if (fitting.length === 0) return undefined;
  const best = fitting.reduce((least, shelf) => (shelf.free < least.free ? shelf : least));
  return [...taken, { shelf: best, amount: rest }];
}

function grantOf(amounts: Resources, taken: ReadonlyMap<string, readonly Taken[]>): Grant {
  const variables: Record<string, string> = {};
  const resources = Object.entries(amounts).map(([resource, amount]) => {
    const shelves = (taken.get(resource) ?? []).map(({ shelf }) => shelf);
    for (const name of Object.keys(shelves[0]?.variables ?? {})) {
      variables[name] = shelves.map((shelf) => shelf.variables[name]).join(",");
    }
    return [resource, { amount, devices: shelves.map(({ name }) => name) }] as const;
  });
  return { resources: Object.fromEntries(resources), variables };
}
