// The results that this worker holds, its own and copies of others', within bounds: above one the
// least recently used go to files and are read back when they are wanted; above the next the worker
// is to take no new tasks until there is less. A value that somebody here uses is pinned: it stays in
// memory until it is let go, freed or not.

import { payloadBytes, type Payload } from "../../src/payload/payload.ts";
import type { Want } from "../../src/transfer/messages.ts";
import { payloadSource, type Source } from "../../src/transfer/shape.ts";
import { systemClock, type Cancel, type Clock } from "../../src/link/clock.ts";
import { countShared } from "../boundary/shared-memory.ts";
import { fileSource, readBack, spill, type Disk, type SpilledFile } from "./spilling.ts";

export type StoreOptions = {
  /** Above so many bytes in memory values are written to files. */
  readonly spillAboveBytes: number;
  /** Above so many, and while there is no room on the disk either, no new tasks. */
  readonly pauseAboveBytes: number;
  readonly disk: Disk;
  readonly clock?: Clock | undefined;
  readonly on: {
    paused(reason: string): void;
    resumed(): void;
    /** There is less in memory than there was. */
    room(): void;
    problem(text: string): void;
  };
};

/** One value. In memory, in a file, or both. */
export type Entry = {
  readonly key: string;
  readonly attempt: number;
  /** Undefined for what was made here: its task's place in the order of submission is not known. */
  readonly order: number | undefined;
  readonly bytes: number;
  payload: Payload | undefined;
  file: SpilledFile | undefined;
  pins: number;
  /** Freed, or replaced by another of the same key. */
  gone: boolean;
  /** Not to be kept once it is let go. */
  readonly passing: boolean;
  reading: Promise<Payload | undefined> | undefined;
};

const retryDiskMs = 5_000;

export class Store {
  readonly #options: StoreOptions;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** In memory and not pinned, the one that was not used for longest first. */
  readonly #idle = new Set<Entry>();
  #memoryBytes = 0;
  #spilledBytes = 0;
  /** `#memoryBytes` when it was last looked at. */
  #mindedBytes = 0;
  #spilling = false;
  #problem: string | undefined;
  #retry: Cancel | undefined;
  #paused = false;
  #closed = false;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** In memory: held, pinned, and on its way here. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Holds a value from now on, in place of another of the same key. Pinned: to be given to `letGo`. */
  put(
    { key, order, attempt }: { key: string; order: number | undefined; attempt: number },
    payload: Payload,
    { pinned = false, passing = false } = {},
  ): Entry {
    const entry: Entry = {
      key,
      attempt,
      order,
      bytes: payloadBytes(payload),
      payload,
      file: undefined,
      pins: pinned ? 1 : 0,
      gone: passing,
      passing,
      reading: undefined,
    };
    if (!passing) {
      const earlier = this.#entries.get(key);
      if (earlier) this.#drop(earlier);
      this.#entries.set(key, entry);
    }
    this.#memoryBytes += entry.bytes;
    if (!pinned) this.#idle.add(entry);
    this.#mind();
    return entry;
  }

  /** The value that is meant, if it is here. */
  find({ key, order, attempt }: Want): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.attempt !== attempt) return undefined;
    return entry.order === undefined || entry.order === order ? entry : undefined;
  }

  /** Pins a value that is in memory; undefined when it has to be read first. */
  pin(entry: Entry): Payload | undefined {
    if (entry.payload === undefined) return undefined;
    entry.pins += 1;
    this.#idle.delete(entry);
    return entry.payload;
  }

  /** Pins a value, reading it back first. Undefined when its file cannot be read: it is lost. */
  async fetch(entry: Entry): Promise<Payload | undefined> {
    const pinned = this.pin(entry);
    if (pinned !== undefined) return pinned;
    entry.pins += 1;
    entry.reading ??= this.#read(entry);
    const payload = await entry.reading;
    if (payload === undefined) this.letGo(entry);
    return payload;
  }

  async #read(entry: Entry): Promise<Payload | undefined> {
    const { bytes } = entry;
    // As much as will be needed: others must not take it meanwhile.
    this.#memoryBytes += bytes;
    this.#mind();
    try {
      entry.payload = await readBack(entry.file!);
      this.#spilledBytes -= bytes;
      return entry.payload;
    } catch (error) {
      this.#memoryBytes -= bytes;
      this.#options.on.problem(
        `the result of ${entry.key} cannot be read back, so it is lost: ${(error as Error).message}`,
      );
      this.#drop(entry);
      return undefined;
    } finally {
      entry.reading = undefined;
    }
  }

  /** Whoever pinned it does not use it any more. */
  letGo(entry: Entry): void {
    entry.pins -= 1;
    if (entry.pins > 0) return;
    if (entry.gone) this.#forget(entry);
    else if (entry.payload !== undefined) this.#idle.add(entry);
    this.#mind();
  }

  /** The bytes of a value for somebody else: from memory, or from its file without reading it back. */
  source(want: Want): Source | undefined | Promise<Source | undefined> {
    const entry = this.find(want);
    if (entry === undefined) return undefined;
    const payload = this.pin(entry);
    if (payload !== undefined) return payloadSource(payload, () => this.letGo(entry));
    entry.pins += 1;
    return fileSource(entry.file!, () => this.letGo(entry)).catch((error: unknown) => {
      const problem = `the file of the result of ${entry.key} cannot be read, so it is lost`;
      this.#options.on.problem(`${problem}: ${(error as Error).message}`);
      this.#drop(entry);
      this.letGo(entry);
      return undefined;
    });
  }

  /** Nobody needs it any more. */
  free(want: Want): void {
    const entry = this.find(want);
    if (entry) this.#drop(entry);
    this.#mind();
  }

  clear(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
    this.#mind();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.();
    this.clear();
  }

  /** Whether so many more bytes can come without this worker having to stop for it. */
  hasRoomFor(bytes: number): boolean {
    return this.#memoryBytes + bytes <= this.#options.pauseAboveBytes;
  }

  /** Counts bytes that are on their way here. */
  expect(bytes: number): void {
    this.#memoryBytes += bytes;
    this.#mind();
  }

  /** They have come, and been put, or they will not. */
  unexpect(bytes: number): void {
    this.#memoryBytes -= bytes;
    this.#mind();
  }

  #drop(entry: Entry): void {
    if (entry.gone) return;
    entry.gone = true;
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
    if (entry.pins === 0) this.#forget(entry);
  }

  #forget(entry: Entry): void {
    this.#idle.delete(entry);
    if (entry.payload !== undefined) {
      entry.payload = undefined;
      this.#memoryBytes -= entry.bytes;
      countShared(entry.bytes);
    } else if (entry.file !== undefined) {
      this.#spilledBytes -= entry.bytes;
    }
    const { file } = entry;
    entry.file = undefined;
    if (file === undefined) return;
    file.remove().then(
      () => this.#tryDisk(),
      () => undefined,
    );
  }

  /** After every change: spills, pauses and resumes as the bounds say. */
  #mind(): void {
    if (this.#closed) return;
    const { spillAboveBytes, pauseAboveBytes, on } = this.#options;
    if (this.#memoryBytes < this.#mindedBytes) on.room();
    this.#mindedBytes = this.#memoryBytes;
    const over = this.#memoryBytes > spillAboveBytes;
    if (over && !this.#spilling && this.#problem === undefined && this.#idle.size > 0) {
      this.#spilling = true;
      void this.#spill();
    }
    if (!over) this.#problem = undefined;
    const isStuck = over && this.#problem !== undefined;
    if (!this.#paused && (isStuck || this.#memoryBytes > pauseAboveBytes)) {
      this.#paused = true;
      on.paused(
        isStuck
          ? `its results cannot be written to disk: ${this.#problem}`
          : `results and inputs take ${this.#memoryBytes} bytes of its memory, its limit is ${pauseAboveBytes}`,
      );
    } else if (this.#paused && !isStuck && this.#memoryBytes <= resumeShare * pauseAboveBytes) {
      this.#paused = false;
      on.resumed();
    }
  }

  /** One file after the other, until there is little enough in memory. Never rejects. */
  async #spill(): Promise<void> {
    const { spillAboveBytes, disk } = this.#options;
    while (this.#memoryBytes > spillAboveBytes && !this.#closed) {
      const [entry] = this.#idle;
      if (entry === undefined) break;
      this.#idle.delete(entry);
      try {
        // What was read back may still have its file.
        const file = (entry.file ??= await spill(disk, entry.payload!));
        this.#problem = undefined;
        if (entry.gone && entry.pins === 0) {
          entry.file = undefined;
          await file.remove();
          continue;
        }
      } catch (error) {
        if (!entry.gone && entry.pins === 0) this.#idle.add(entry);
        this.#problem = (error as Error).message;
        break;
      }
      if (entry.gone || entry.pins > 0) continue;
      entry.payload = undefined;
      this.#memoryBytes -= entry.bytes;
      this.#spilledBytes += entry.bytes;
      countShared(entry.bytes);
    }
    this.#spilling = false;
    if (this.#problem !== undefined) {
      this.#retry ??= this.#clock.setTimeout(() => this.#tryDisk(), retryDiskMs, {
        keepAlive: false,
      });
    }
    this.#mind();
  }

  #tryDisk(): void {
    this.#retry?.();
    this.#retry = undefined;
    if (this.#problem === undefined || this.#closed) return;
    // Whether there is room again is known only after another try; until then nothing is resumed.
    if (this.#spilling) return;
    this.#spilling = true;
    void this.#spill();
  }
}

/** Tasks are taken again below this share of the limit: not to and fro with every result. */
const resumeShare = 0.8;
