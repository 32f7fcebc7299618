// The journal of a simulated scheduler: records in memory, which writes and syncs keep as a disk would, which may
// be full or fail. A crash takes what was not kept. What is there at its restart is compacted up to some record first.

import { isDeepStrictEqual } from "node:util";
import { deserialize, serialize } from "node:v8";
import type { Random } from "../processes/random.ts";
import { freeze } from "../../scheduler/core/snapshot/freeze.ts";
import type { State } from "../../scheduler/core/state.ts";
import type { Durability } from "../../scheduler/journal/durability.ts";
import { JournalError, JournalFullError } from "../../scheduler/journal/journal-error.ts";
import { outside, Replica } from "../../scheduler/replica.ts";
import type { Keeper } from "../../scheduler/write-ahead.ts";
import type { VirtualTime } from "./virtual-time.ts";

const slowestSyncMs = 5;

export class SimulatedJournal implements Keeper {
  readonly durability: Durability;
  readonly #time: VirtualTime;
  readonly #random: Random;
  #snapshot: Buffer[] | undefined;
  /** After the snapshot, those that were written. */
  #records: Uint8Array[] = [];
  #appended: Uint8Array[] = [];
  #synced = 0;
  /** Bytes that can still be written. */
  #room = Infinity;
  #hasReserve = false;
  #wasFull = false;
  readonly reserveBytes: number;
  /** What fails next, for good. */
  failing: "write" | "sync" | undefined;

  /** @param random its own, so that a seed gives the same run but for the journal */
  constructor(options: { durability: Durability; time: VirtualTime; random: Random }) {
    this.durability = options.durability;
    this.#time = options.time;
    this.#random = options.random;
    this.reserveBytes = 500 + this.#random.below(20_000);
  }

  /** From now on there is room for no more than this, until the disk is not full any more. */
  fill(room: number): void {
    this.#room = room;
  }

  empty(): void {
    this.#room = Infinity;
  }

  append(parts: readonly (string | Uint8Array)[]): void {
    this.#appended.push(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
  }

  write(): void {
    this.#failIf("write");
    this.#need(this.#appended.reduce((sum, { length }) => sum + length, 0));
    for (const record of this.#appended.splice(0)) this.#records.push(record);
  }

  async sync(): Promise<void> {
    const written = this.#records.length;
    const ms = this.#random.next() * slowestSyncMs;
    await new Promise<void>((resolve) => this.#time.after(ms, resolve));
    this.#failIf("sync");
    this.#synced = written;
  }

  discard(): void {
    this.#appended = [];
  }

  reserve(): void {
    if (this.#hasReserve) return;
    const spareBytes = this.#wasFull ? this.reserveBytes : 0;
    this.#need(this.reserveBytes + spareBytes);
    this.#room += spareBytes;
    this.#hasReserve = true;
    this.#wasFull = false;
  }

  spendReserve(): void {
    if (this.#hasReserve) this.#room += this.reserveBytes;
    this.#hasReserve = false;
    this.#wasFull = true;
  }

  #need(bytes: number): void {
    if (bytes > this.#room) throw new JournalFullError("the simulated disk is full");
    this.#room -= bytes;
  }

  #failIf(operation: "write" | "sync"): void {
    if (this.failing !== operation) return;
    this.failing = undefined;
    throw new JournalError("failed", `the simulated disk has failed in a ${operation}`);
  }

  /** The process is gone, and with it what was not written; with "machine" also some of what was not synced. */
  crash(): void {
    this.#appended = [];
    if (this.durability === "process") return;
    const lost = this.#random.below(this.#records.length - this.#synced + 1);
    this.#records.length -= lost;
  }

  /** What a successor goes on with. */
  replica(): Replica {
    this.#appended = [];
    this.failing = undefined;
    if (this.#random.chance(0.5)) this.#compact(this.#random.below(this.#records.length + 1));
    return this.#replay(this.#records);
  }

  /** Whether a replica is what the scheduler was, to the last field. */
  agreesWith(state: State): boolean {
    const kept = this.#replay(this.#records).kept?.state;
    return isDeepStrictEqual(slotsOf(kept), slotsOf(state));
  }

  #compact(count: number): void {
    if (count === 0) return;
    const replica = this.#replay(this.#records.splice(0, count));
    this.#snapshot = Array.from(replica.freeze(), (chunk) => serialize(chunk));
    this.#synced = Math.max(0, this.#synced - count);
  }

  #replay(records: readonly Uint8Array[]): Replica {
    const replica = Replica.from(this.#snapshot?.map((chunk) => deserialize(chunk) as unknown));
    for (const record of records) replica.repeat(record);
    return replica;
  }
}

/** All that is in a state. */
function slotsOf(state: State | undefined): unknown[] {
  return [...freeze(state, outside)].flat();
}
