// A worker as the protocol allows it to be: it reads what it was sent when it likes, starts and ends
// what it holds in any order, and answers for everything it was asked. Held to what it was promised.

import { expect } from "vitest";
import type { FromWorker, Reference, TaskOptions, ToWorker } from "../../../src/wire/protocol.ts";
import type { WorkerFacts } from "../../../scheduler/core/workers/membership.ts";

export type Call = {
  name: string;
  options: TaskOptions;
  inputs: readonly string[];
  /** How often it may begin, and did, when it runs at most once: a client may retry it. */
  mostStarts: number;
  starts: number;
};
type Attempt = { key: string; attempt: number };
export type Held = Attempt & {
  announce: boolean;
  executing: boolean;
  cancelled: boolean;
  needs: readonly Need[];
};
/** A value that it is to fetch, and where. */
export type Need = Omit<Reference, "from"> & { from: readonly string[] };
/** A value that it has; of what it made itself it does not know the order. */
type Value = { order: number | undefined; attempt: number; bytes: number };
/** `lent` as the scheduler sees it; `asked` when it wants back what it lent. */
type Outstanding = Attempt &
  Call & {
    lent: boolean;
    asked: boolean;
    /** Before it goes on, it waits until it is let go on. */
    waits: boolean;
    of: Call;
  };

export class FakeWorker {
  readonly id: string;
  readonly facts: WorkerFacts;
  /** What was sent and not answered for, read or not, by key: as the scheduler must see it. */
  readonly outstanding = new Map<string, Outstanding>();
  /** What it has read and not ended. */
  readonly held = new Map<string, Held>();
  /** Attempts that ended, for stale answers. */
  readonly ended: Attempt[] = [];
  readonly holds = new Map<string, Value>();
  /** Replication it was asked for and has not answered for. */
  readonly copies: Need[] = [];
  /** It was let go: nothing that it holds is needed. */
  farewell = false;
  /** It lost values without a word. */
  forgetful = false;
  readonly #unread: ToWorker[] = [];
  away = false;
  leaving = false;

  constructor(id: string, facts: WorkerFacts) {
    this.id = id;
    this.facts = facts;
  }

  receive(message: ToWorker, callOf: (key: string) => Call): void {
    this.#unread.push(message);
    if (message.type === "resume") this.#resume(message);
    if (message.type !== "run") return;
    expect([this.away, this.leaving]).toEqual([false, false]);
    for (const [index, key] of message.keys.entries()) {
      const call = callOf(key);
      const { workers, allowOtherWorkers, resources, tags = [] } = call.options;
      const { maxRunning, rateLimit } = call.options;
      const isLimited = maxRunning !== undefined || rateLimit !== undefined;
      expect(call.name).toBe(message.name);
      for (const [place, input] of (message.inputs?.[index] ?? []).entries()) {
        const inputKey = call.inputs[place]!;
        if (typeof input === "string") expect(input).toBe(valueOf(inputKey));
        else expect((input as Reference).key).toBe(inputKey);
      }
      expect(message.inputs?.[index]?.length ?? 0).toBe(call.inputs.length);
      expect(this.facts.functions).toContain(message.name);
      expect(this.facts.tags ?? []).toEqual(expect.arrayContaining([...tags]));
      if (workers && !allowOtherWorkers) expect(workers).toContain(this.facts.name);
      expect([...this.outstanding.keys()]).not.toContain(key);
      const attempt = message.attempts[index]!;
      const waits = message.resources !== undefined;
      const sent = { key, attempt, ...call, lent: false, asked: false, waits, of: call };
      this.outstanding.set(key, sent);
      const isMadeToWait = maxRunning !== undefined || message.announce;
      expect(message.resources).toEqual(resources ?? (isMadeToWait ? {} : undefined));
      if (isLimited || resources || message.announce)
        expect(this.load).toBeLessThanOrEqual(this.facts.slots);
    }
    this.#checkResources();
  }

  /** What occupies slots or waits for one. */
  get load(): number {
    return [...this.outstanding.values()].filter(({ lent }) => !lent).length;
  }

  #resume({ keys, attempts }: Extract<ToWorker, { type: "resume" }>): void {
    keys.forEach((key, index) => {
      const found = this.outstanding.get(key);
      expect(found).toMatchObject({ attempt: attempts[index], lent: true, asked: true });
      found!.lent = found!.asked = false;
    });
    this.#checkResources();
  }

  #checkResources(): void {
    for (const [resource, total] of Object.entries(this.facts.resources)) {
      let used = 0;
      for (const { options, lent } of this.outstanding.values()) {
        if (!lent) used += options.resources?.[resource] ?? 0;
      }
      expect(used).toBeLessThanOrEqual(total + 1e-9);
    }
  }

  /** What executes and may say so: neither cancelled nor, as far as is asked, lent. */
  executing(lent?: boolean): Held[] {
    return [...this.held.values()].filter(({ key, attempt, executing, cancelled }) => {
      const sent = this.outstanding.get(key);
      if (!executing || cancelled || sent?.attempt !== attempt) return false;
      return lent === undefined || (sent.lent === lent && !sent.asked);
    });
  }

  /** Reads so many messages and returns the answers that they ask for at once. */
  read(count: number): FromWorker[] {
    return this.#unread.splice(0, count).flatMap((message) => this.#answer(message));
  }

  start(held: Held): FromWorker[] {
    if (held.executing || held.cancelled) return [];
    held.executing = true;
    const sent = this.outstanding.get(held.key);
    if (sent?.attempt === held.attempt && sent.options.atMostOnce) {
      expect(++sent.of.starts).toBeLessThanOrEqual(sent.of.mostStarts);
    }
    return held.announce ? [columns("started", [held])] : [];
  }

  /** Everything that it could still be given back. */
  get unstarted(): Held[] {
    return [...this.held.values()].filter(({ executing, cancelled }) => !executing && !cancelled);
  }

  /** Whether the scheduler may yet hear of just this attempt. */
  isCurrent({ key, attempt }: Attempt): boolean {
    return this.outstanding.get(key)?.attempt === attempt;
  }

  /** Keeps account of what it says. */
  said(messages: readonly FromWorker[]): void {
    for (const message of messages) {
      if (message.type === "lent" || message.type === "resuming") {
        for (const key of message.keys) {
          const sent = this.outstanding.get(key)!;
          if (message.type === "lent") sent.lent = true;
          else if (sent.waits) sent.asked = true;
          else sent.lent = false;
        }
      }
      if (message.type === "failed") this.#end(message.key, message.attempt);
      if (
        message.type === "finished" ||
        message.type === "withdrawn" ||
        message.type === "stopped"
      ) {
        for (const [index, key] of message.keys.entries()) {
          this.#end(key, message.attempts[index]!);
        }
      }
      if (message.type === "missing" && message.call !== undefined) {
        this.#end(message.call.key, message.call.attempt);
      }
      if (message.type === "leaving") this.leaving = true;
    }
  }

  #answer(message: ToWorker): FromWorker[] {
    if (message.type === "run") {
      const announce = message.announce ?? false;
      for (const [index, key] of message.keys.entries()) {
        const attempt = message.attempts[index]!;
        const references = (message.inputs?.[index] ?? []).filter(
          (each) => typeof each === "object",
        );
        const needs = references.map((each) => needOf(each as Reference, message.peers));
        for (const need of needs) {
          if (need.here && !this.forgetful)
            expect([need.key, this.has(need)]).toEqual([need.key, true]);
        }
        const rest = { announce, executing: false, cancelled: false, needs };
        this.held.set(key, { key, attempt, ...rest });
      }
      const back = this.leaving ? this.unstarted : [];
      return back.length > 0 ? [columns("withdrawn", back)] : [];
    }
    if (message.type === "restart") {
      // With its threads goes whatever it held, all of which was cancelled before.
      const held = [...this.held.values()];
      expect(held.filter(({ cancelled }) => !cancelled)).toEqual([]);
      return [...(held.length > 0 ? [columns("stopped", held)] : []), { type: "restarted" }];
    }
    if (message.type === "resume" || message.type === "sub") return [];
    switch (message.type) {
      case "free":
        for (const [index, key] of message.keys.entries()) {
          const had = this.holds.get(key);
          const { attempts, orders } = message;
          if (had === undefined || had.attempt !== attempts[index]) continue;
          if (had.order === undefined || had.order === orders[index]) this.holds.delete(key);
        }
        return [];
      case "copy":
        this.copies.push(...message.references.map((each) => needOf(each, message.peers)));
        return [];
      case "keep":
        return [];
      case "retire":
        return this.leaving ? [] : this.leave();
      case "farewell":
        expect([this.leaving, this.outstanding.size]).toEqual([true, 0]);
        this.farewell = true;
        return [];
      case "output-taken":
        return [];
      case "cancel":
      case "withdraw":
    }
    const named = message.keys
      .map((key, index) => ({ key, attempt: message.attempts[index]! }))
      .flatMap(({ key, attempt }) => {
        const held = this.held.get(key);
        return held?.attempt === attempt ? [held] : [];
      });
    if (message.type === "cancel") {
      for (const held of named) held.cancelled = true;
      return [];
    }
    return [
      columns(
        "withdrawn",
        named.filter(({ executing, cancelled }) => !executing && !cancelled),
      ),
      columns(
        "started",
        named.filter(({ executing, cancelled }) => executing && !cancelled),
      ),
    ].filter(({ keys }) => keys.length > 0);
  }

  leave(): FromWorker[] {
    const back = this.unstarted;
    const left: FromWorker[] = [{ type: "leaving" }];
    return back.length > 0 ? [...left, columns("withdrawn", back)] : left;
  }

  has({ key, order, attempt }: Pick<Need, "key" | "order" | "attempt">): boolean {
    const had = this.holds.get(key);
    return had?.attempt === attempt && (had.order === undefined || had.order === order);
  }

  /** Fetches from the first that has it. What it says then, and who did not have it when nobody had. */
  fetch(need: Need, at: (address: string) => FakeWorker | undefined) {
    const { key, order, attempt, bytes } = need;
    if (need.here && this.has(need)) return { said: [] };
    const lacking = need.here ? [addressOf(this.id)] : [];
    for (const address of need.from) {
      const holder = at(address);
      if (holder?.has(need)) {
        this.holds.set(key, { order, attempt, bytes });
        const one = { keys: [key], orders: [order], attempts: [attempt], bytes: [bytes] };
        return { said: [{ type: "held" as const, ...one }] };
      }
      if (holder) lacking.push(address);
    }
    // What the scheduler keeps it fetches from there, and does not go on keeping it.
    const isKept = need.from.length === 0 && !need.here;
    return isKept ? { said: [] } : { lacking };
  }

  #end(key: string, attempt: number): void {
    if (this.held.get(key)?.attempt !== attempt) return;
    this.held.delete(key);
    this.outstanding.delete(key);
    this.ended.push({ key, attempt });
  }
}

export function addressOf(id: string): string {
  return `ws://${id}`;
}

function needOf({ from, ...rest }: Reference, peers: readonly string[] = []): Need {
  const addresses = from.map((place) => {
    expect(peers[place]).toBeDefined();
    return peers[place]!;
  });
  return { ...rest, from: addresses };
}

/** Whether what a fake call of this key returns stays with its worker. */
export function isHeldByWorker(key: string): boolean {
  return /[3458]$/.test(key);
}
export const heldBytes = 1_000;

/** What every fake call of this key returns. */
export function valueOf(key: string): string {
  return key.endsWith("7") ? "a large value" : key;
}

export function columns<Type extends "started" | "withdrawn" | "stopped" | "lent" | "resuming">(
  type: Type,
  attempts: readonly Attempt[],
): { type: Type; keys: string[]; attempts: number[] } {
  return {
    type,
    keys: attempts.map(({ key }) => key),
    attempts: attempts.map(({ attempt }) => attempt),
  };
}
