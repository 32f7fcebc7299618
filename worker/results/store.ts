// The results that a worker holds, its own and copies, within bounds. Above the first bound the least
// recently used go to files, and are read back when they are wanted; above the second the worker takes no
// new tasks. A value that is in use is pinned: it stays in memory until it is unpinned, even when freed.

import { formatSize } from "../../src/size.ts";
import { outsideHeap, payloadBytes, type Payload } from "../../src/payload/payload.ts";
import type { Want } from "../../src/transfer/messages.ts";
import { payloadSource, type Source } from "../../src/transfer/shape.ts";
import { systemClock, type Cancel, type Clock } from "../../src/link/clock.ts";
import { countShared } from "../boundary/shared-memory.ts";
import { fileSource, readBack, spill, type Disk, type SpilledFile } from "./spilling.ts";

/** The pause before the disk is tried again. */
const retryDiskMs = 5_000;
/** The worker takes tasks again below this share of the bound, so that it does not pause at every result. */
const resumeShare = 0.8;
/** What an entry takes on the heap beside its value, in memory or in a file: 510 bytes were measured. */
export const entryHeapBytes = 640;

export type StoreOptions = {
  /** Above this many bytes in memory, values are written to files; Infinity: never. */
  readonly spillAboveBytes: number;
  /** Above this many bytes in memory, or while the disk takes no more, the worker takes no new tasks. */
  readonly pauseAboveBytes: number;
  readonly disk: Disk;
  readonly clock?: Clock | undefined;
  readonly on: {
    paused(reason: string): void;
    resumed(): void;
    /** Fewer bytes are in memory than before. */
    room(): void;
    problem(text: string): void;
  };
};

/** One value: in memory, in a file, or both. */
export type Entry = {
  readonly key: string;
  readonly attempt: number;
  /** The task's place in the order of submission; undefined for a result made here: it is not known. */
  readonly order: number | undefined;
  readonly bytes: number;
  payload: Payload | undefined;
  file: SpilledFile | undefined;
  pins: number;
  /** Freed, or replaced by another of the same key. */
  gone: boolean;
  /** Freed as soon as it is unpinned. */
  readonly passing: boolean;
  reading: Promise<Payload | undefined> | undefined;
};

export class Store {
  readonly #options: StoreOptions;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** Entries in memory that are not pinned, the least recently used first. */
  readonly #idle = new Set<Entry>();
  #memoryBytes = 0;
  #spilledBytes = 0;
  /** `#memoryBytes` at the last check of the bounds. */
  #checkedBytes = 0;
  #spilling = false;
  /** Why the disk takes no more. */
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

  /** Bytes in memory, of values that are held, pinned or on their way here. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get heapBytes(): number {
    return this.#entries.size * entryHeapBytes;
  }

  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Adds a value, in place of another of the same key. A pinned one is to be given to `letGo`. */
  put(
    { key, order, attempt }: { key: string; order: number | undefined; attempt: number },
    value: Payload,
    { pinned = false, passing = false } = {},
  ): Entry {
    const payload = outsideHeap(value);
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
    this.#checkBounds();
    return entry;
  }

  /** The entry of this result, if it is here. */
  find({ key, order, attempt }: Want): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.attempt !== attempt) return undefined;
    return entry.order === undefined || entry.order === order ? entry : undefined;
  }

  /** Pins a value that is in memory; undefined when it is in a file only. */
  pin(entry: Entry): Payload | undefined {
    if (entry.payload === undefined) return undefined;
    entry.pins += 1;
    this.#idle.delete(entry);
    return entry.payload;
  }

  /** Reads a value back and pins it. Undefined when its file cannot be read: the value is lost. */
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
    // Reserved now, so that other values do not take the room meanwhile.
    this.#memoryBytes += bytes;
    this.#checkBounds();
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

  /** Undoes one pin. */
  letGo(entry: Entry): void {
    entry.pins -= 1;
    if (entry.pins > 0) return;
    if (entry.gone) this.#forget(entry);
    else if (entry.payload !== undefined) this.#idle.add(entry);
    this.#checkBounds();
  }

  /** The bytes of a value, to be sent: from memory, or from its file without reading it back. */
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

  /** Removes a result that is not needed any more. */
  free(want: Want): void {
    const entry = this.find(want);
    if (entry) this.#drop(entry);
    this.#checkBounds();
  }

  clear(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
    this.#checkBounds();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.();
    this.clear();
  }

  /** Whether this many more bytes leave the worker below the bound for new tasks. */
  hasRoomFor(bytes: number): boolean {
    return this.#memoryBytes + bytes <= this.#options.pauseAboveBytes;
  }

  /** Counts bytes that are on their way here. */
  expect(bytes: number): void {
    this.#memoryBytes += bytes;
    this.#checkBounds();
  }

  /** Ends `expect`: the bytes have been put, or will not come. */
  unexpect(bytes: number): void {
    this.#memoryBytes -= bytes;
    this.#checkBounds();
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

  /** Spills, pauses and resumes as the bounds demand; called after every change. */
  #checkBounds(): void {
    if (this.#closed) return;
    const { spillAboveBytes, pauseAboveBytes, on } = this.#options;
    if (this.#memoryBytes < this.#checkedBytes) on.room();
    this.#checkedBytes = this.#memoryBytes;
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
          : `results, inputs and arguments take ${formatSize(this.#memoryBytes)} of its memory, its limit is ` +
              formatSize(pauseAboveBytes) +
              (spillAboveBytes === Infinity ? ", and it has no --local-directory on a disk" : ""),
      );
    } else if (this.#paused && !isStuck && this.#memoryBytes <= resumeShare * pauseAboveBytes) {
      this.#paused = false;
      on.resumed();
    }
  }

  /** Writes values to files, one after the other, until memory is below the bound. Never rejects. */
  async #spill(): Promise<void> {
    const { spillAboveBytes, disk } = this.#options;
    while (this.#memoryBytes > spillAboveBytes && !this.#closed) {
      const [entry] = this.#idle;
      if (entry === undefined) break;
      this.#idle.delete(entry);
      try {
        // A value that was read back still has its file.
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
    this.#checkBounds();
  }

  #tryDisk(): void {
    this.#retry?.();
    this.#retry = undefined;
    if (this.#problem === undefined || this.#closed) return;
    // The problem stays until a try succeeds, so that the worker does not resume before.
    if (this.#spilling) return;
    this.#spilling = true;
    void this.#spill();
  }
}
