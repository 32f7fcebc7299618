// The results of a worker: keeps large ones, fetches inputs for calls, serves other workers and clients,
// and tells the scheduler what is here.

import { formatSize } from "../../src/size.ts";
import { systemClock, type Clock } from "../../src/link/clock.ts";
import type { OpenSocket } from "../../src/link/dial.ts";
import type { Socket } from "../../src/link/socket.ts";
import type { Log } from "../../src/log.ts";
import { payloadBytes, type Payload } from "../../src/payload/payload.ts";
import type { Incoming } from "../../src/transfer/incoming.ts";
import { Holders, type Located } from "../../src/transfer/holders.ts";
import type { Want } from "../../src/transfer/messages.ts";
import { respond } from "../../src/transfer/responder.ts";
import { Assembly, bytesOfShape, payloadSource } from "../../src/transfer/shape.ts";
import type { StoredAtWorker, ToWorker } from "../../src/wire/protocol.ts";
import { allocate, countShared } from "../boundary/shared-memory.ts";
import type { AttemptId, Reports } from "../reports.ts";
import { Fetches, wantedOf, type Wanted } from "./fetches.ts";
import { Gathering, isReference, type Input } from "./gathering.ts";
import { MissingError } from "./missing-error.ts";
import type { Disk } from "./spilling.ts";
import { Store } from "./store.ts";

export type ResultsOptions = {
  /** Most bytes of results and inputs in memory. */
  readonly memoryBytes: number;
  readonly disk: Disk;
  readonly reports: Reports;
  readonly log: Log;
  /** Whether small results are to stay here too, outside the heap, since it has no room for messages with them. */
  readonly keepsAll?: () => boolean;
  readonly token: () => string | undefined;
  readonly open: OpenSocket;
  readonly localAddress?: string | undefined;
  readonly clock?: Clock | undefined;
  /** See `ResponderOptions`. */
  readonly stallMs?: number | undefined;
  /** The address at which the scheduler passes values on. */
  readonly schedulerAddress: () => string | undefined;
  /** The worker is to take no new tasks, for this reason; then, without one, to take tasks again. */
  readonly paused: (reason: string | undefined) => void;
};

/** Share of the memory limit above which results are written to disk. */
const spillShare = 0.6;
/** A result with fewer bytes takes more room here than in a message. */
const leastKept = 1_024;
/** The pause before a copy is reported missing: the scheduler asks for another copy at once. */
const copyAgainMs = 1_000;
/** How long a scattered value waits until there is room for it, and how often that is looked at. */
const roomPatienceMs = 5_000;
const roomAgainMs = 20;

export class Results {
  readonly #options: ResultsOptions;
  readonly #holders: Holders;
  readonly #store: Store;
  readonly #fetches: Fetches;
  /** Ends each connection of those that fetch results from here. */
  readonly #ends = new Set<(reason: string) => void>();
  #keepAboveBytes = Infinity;
  /** How many scattered values arrive now. */
  #taking = 0;
  #address: string | undefined;

  constructor(options: ResultsOptions) {
    this.#options = options;
    const { memoryBytes, disk, clock, reports, log, token, open, localAddress } = options;
    const fallback = options.schedulerAddress;
    this.#holders = new Holders({ token, open, localAddress, clock, fallback, outsideAfter: 2 });
    this.#store = new Store({
      spillAboveBytes: disk.isMemory ? Infinity : spillShare * memoryBytes,
      pauseAboveBytes: memoryBytes,
      disk,
      clock,
      on: {
        paused: (reason) => options.paused(reason),
        resumed: () => options.paused(undefined),
        room: () => this.#fetches.startMore(),
        problem: (text) => log.warning(text),
      },
    });
    this.#fetches = new Fetches({
      store: this.#store,
      holders: this.#holders,
      ownAddress: () => this.#address,
      bytesAtOnce: memoryBytes / 4,
      copied: ({ key, order, attempt }, bytes) => reports.held(key, order, attempt, bytes),
    });
  }

  /** The address at which others fetch results from here. */
  set address(address: string) {
    this.#address = address;
  }

  /** How many results are here. */
  get size(): number {
    return this.#store.size;
  }

  get heapBytes(): number {
    return this.#store.heapBytes + this.#fetches.heapBytes;
  }

  /** Counts bytes in memory that belong to calls and not to results. */
  expect(bytes: number): void {
    this.#store.expect(bytes);
  }

  unexpect(bytes: number): void {
    this.#store.unexpect(bytes);
  }

  /** Results larger than this stay here, as the scheduler demands. */
  set keepAboveBytes(bytes: number) {
    this.#keepAboveBytes = bytes;
  }

  // ── For calls ──────────────────────────────────────────────────────────────────────────────────

  /** What to report of a result: the value when it is small; else its size, and the value stays here. */
  keep({ key, attempt }: AttemptId, value: Payload): Payload | StoredAtWorker {
    const bytes = payloadBytes(value);
    const isSmall = this.isSmall(bytes) && !(bytes > leastKept && this.#options.keepsAll?.());
    if (isSmall) {
      countShared(bytes);
      return value;
    }
    const entry = this.#store.put({ key, order: undefined, attempt }, value);
    return { bytes: entry.bytes };
  }

  /** Fetches the inputs that did not come with the call; undefined when all did. */
  gather(inputs: readonly Input[], peers: readonly string[]): Gathering | undefined {
    if (!inputs.some(isReference)) return undefined;
    return new Gathering(inputs, peers, { fetches: this.#fetches, store: this.#store });
  }

  /**
   * The value of a result.
   *
   * @throws {MissingError} when no holder gives it; the scheduler has been told
   */
  async fetch({ key, order, attempt, bytes, from }: Located): Promise<Payload> {
    const here = this.#address !== undefined && from.includes(this.#address);
    try {
      const entry = await this.#fetches.get(
        { key, order, attempt, bytes, from, here },
        new AbortController().signal,
      );
      const payload = entry.payload!;
      this.#store.letGo(entry);
      return payload;
    } catch (error) {
      if (error instanceof MissingError) this.#options.reports.missing(undefined, error);
      throw error;
    }
  }

  /** Whether a value of this size is kept by the scheduler. */
  isSmall(bytes: number): boolean {
    return bytes <= this.#keepAboveBytes;
  }

  /**
   * Puts a value of a task's own where the scheduler wants it, here or on another worker.
   *
   * @throws {ConnectionError} when that worker does not take it
   */
  async place({ from: [address], ...want }: Located, value: Payload): Promise<void> {
    if (address === undefined) throw new Error("there is no worker to hold it");
    if (address === this.#address) {
      const { bytes } = this.#store.put(want, value);
      this.#options.reports.held(want.key, want.order, want.attempt, bytes);
      return;
    }
    await this.#holders.ask([address], (holder, at) =>
      holder.put(want, payloadSource(value), at === address ? undefined : address),
    );
  }

  // ── From the scheduler ─────────────────────────────────────────────────────────────────────────

  receive(message: Extract<ToWorker, { type: "free" | "copy" | "keep" }>): void {
    switch (message.type) {
      case "free":
        for (const [index, key] of message.keys.entries()) {
          const order = message.orders[index]!;
          this.#store.free({ key, order, attempt: message.attempts[index]! });
        }
        return;
      case "copy":
        for (const reference of message.references) {
          void this.#copy(wantedOf(reference, message.peers ?? []));
        }
        return;
      case "keep":
        this.#keepAboveBytes = message.aboveBytes;
        return;
      default:
        message satisfies never;
    }
  }

  /** Never rejects. */
  async #copy(wanted: Wanted): Promise<void> {
    const { reports } = this.#options;
    const { key, order, attempt } = wanted;
    try {
      const wasHere = this.#store.find(wanted) !== undefined;
      const entry = await this.#fetches.get(wanted, new AbortController().signal);
      if (wasHere) reports.held(key, order, attempt, entry.bytes);
      this.#store.letGo(entry);
    } catch (error) {
      if (!(error instanceof MissingError)) throw error;
      // A holder that lacks the result is news to the scheduler; otherwise nothing has changed.
      if (error.lacking.length > 0) return reports.missing(undefined, error);
      const { clock = systemClock } = this.#options;
      clock.setTimeout(() => reports.missing(undefined, error), copyAgainMs, { keepAlive: false });
    }
  }

  // ── From other workers and clients ─────────────────────────────────────────────────────────────

  /** Serves results on this socket, and takes the values that are sent on it. */
  accept(socket: Socket): void {
    const responding = respond(
      socket,
      {
        find: (want) => this.#store.source(want),
        take: (want, incoming) => this.#take(want, incoming),
      },
      () => this.#ends.delete(responding.end),
      this.#options,
    );
    this.#ends.add(responding.end);
  }

  /** Takes a value that a client scatters. */
  async #take(want: Want, incoming: Incoming): Promise<void> {
    const bytes = bytesOfShape(incoming.shape);
    if (bytes > this.#options.memoryBytes) {
      throw new Error(`raise --memory-limit: the value has ${formatSize(bytes)}`);
    }
    await this.#reserve(bytes);
    try {
      const assembly = new Assembly(incoming.shape, allocate);
      await incoming.readInto(assembly);
      const entry = this.#store.put(want, assembly.take());
      this.#options.reports.held(want.key, want.order, want.attempt, entry.bytes);
    } catch (error) {
      countShared(bytes);
      throw error;
    } finally {
      this.#taking -= 1;
      this.#store.unexpect(bytes);
    }
  }

  /** Counts a value that arrives, once there is room for it or no other arrives. Its sender waits meanwhile. */
  async #reserve(bytes: number): Promise<void> {
    const { clock = systemClock } = this.#options;
    const deadline = clock.now() + roomPatienceMs;
    while (this.#taking > 0 && !this.#store.hasRoomFor(bytes)) {
      if (clock.now() >= deadline) throw new Error("its memory is full of what others send to it");
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, roomAgainMs, { keepAlive: false });
      });
    }
    this.#taking += 1;
    this.#store.expect(bytes);
  }

  /** Frees all results: the scheduler does not know this worker any more. */
  clear(): void {
    this.#store.clear();
  }

  close(): void {
    for (const end of this.#ends) end("the worker ends");
    this.#holders.close();
    this.#store.close();
  }
}
