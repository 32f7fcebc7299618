// A worker as the protocol allows it to be: it reads what it was sent when it likes, starts and ends
// what it holds in any order, and answers for everything it was asked. Held to what it was promised.

import { expect } from "vitest";
import type { FromWorker, TaskOptions, ToWorker } from "../../../src/wire/protocol.ts";
import type { WorkerFacts } from "../../../scheduler/core/worker-events.ts";

export type Call = { name: string; options: TaskOptions; inputs: readonly string[] };
type Attempt = { key: string; attempt: number };
export type Held = Attempt & { announce: boolean; executing: boolean; cancelled: boolean };
/** `lent` as the scheduler sees it; `asked` when it wants back what it lent. */
type Outstanding = Attempt & Call & { lent: boolean; asked: boolean };

export class FakeWorker {
  readonly id: string;
  readonly facts: WorkerFacts;
  /** What was sent and not answered for, read or not, by key: as the scheduler must see it. */
  readonly outstanding = new Map<string, Outstanding>();
  /** What it has read and not ended. */
  readonly held = new Map<string, Held>();
  /** Attempts that ended, for stale answers. */
  readonly ended: Attempt[] = [];
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
      const { workers, allowOtherWorkers, resources } = call.options;
      expect(call.name).toBe(message.name);
      expect(message.inputs?.[index] ?? []).toEqual(call.inputs.map(valueOf));
      expect(this.facts.functions).toContain(message.name);
      if (workers && !allowOtherWorkers) expect(workers).toContain(this.facts.name);
      expect([...this.outstanding.keys()]).not.toContain(key);
      const attempt = message.attempts[index]!;
      this.outstanding.set(key, { key, attempt, ...call, lent: false, asked: false });
      expect(message.regains ?? false).toBe(resources !== undefined);
      if (resources || message.announce) expect(this.load).toBeLessThanOrEqual(this.facts.slots);
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
          else if (sent.options.resources) sent.asked = true;
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
      if (message.type === "leaving") this.leaving = true;
    }
  }

  #answer(message: ToWorker): FromWorker[] {
    if (message.type === "run") {
      const announce = message.announce ?? false;
      for (const [index, key] of message.keys.entries()) {
        const attempt = message.attempts[index]!;
        this.held.set(key, { key, attempt, announce, executing: false, cancelled: false });
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

  #end(key: string, attempt: number): void {
    if (this.held.get(key)?.attempt !== attempt) return;
    this.held.delete(key);
    this.outstanding.delete(key);
    this.ended.push({ key, attempt });
  }
}

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
