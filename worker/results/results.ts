// The results side of a worker: what it holds, what it fetches for its calls, what it gives to others
// and what it tells the scheduler of all that.

import { payloadBytes, type Payload } from "../../src/payload/payload.ts";
import type { OpenSocket } from "../../src/link/dial.ts";
import { systemClock, type Clock } from "../../src/link/clock.ts";
import type { Socket } from "../../src/link/socket.ts";
import type { Log } from "../../src/log.ts";
import { respond } from "../../src/transfer/responder.ts";
import { Assembly, bytesOfShape } from "../../src/transfer/shape.ts";
import type { Incoming } from "../../src/transfer/flow.ts";
import type { Want } from "../../src/transfer/messages.ts";
import { Peers } from "../../src/transfer/peers.ts";
import type { Held, Reference, ToClient, ToWorker } from "../../src/wire/protocol.ts";
import { limits } from "../../src/wire/limits.ts";
import { Fetching, MissingError, type Wanted } from "./fetching.ts";
import type { Attempt, Reports } from "../reports.ts";
import { allocate, countShared } from "../boundary/shared-memory.ts";
import type { Disk } from "./spilling.ts";
import { Store, type Entry } from "./store.ts";

export type ResultsOptions = {
  /** Most bytes of results and inputs in memory. */
  readonly memoryBytes: number;
  readonly disk: Disk;
  readonly reports: Reports;
  readonly log: Log;
  readonly token: () => string | undefined;
  readonly open: OpenSocket;
  readonly localAddress?: string | undefined;
  readonly clock?: Clock | undefined;
  /** Where the scheduler passes values on. */
  readonly schedulerAddress: () => string | undefined;
  /** No new tasks, and tasks again. */
  readonly paused: (isPaused: boolean) => void;
};

/** The inputs of one call on their way. */
export type Gathering = {
  /** Rejects with `MissingError`. */
  readonly inputs: Promise<Payload[]>;
  /** Ends the fetches if they are under way, and the use of what they brought. */
  letGo(): void;
};

type Located = Extract<ToClient, { type: "located" }>;

/** Of the memory limit: above it results are written to disk. */
const spillShare = 0.6;
/** The scheduler asks for a copy again as soon as it hears that there is none. */
const copyAgainMs = 1_000;

export class Results {
  readonly #options: ResultsOptions;
  readonly #peers: Peers;
  readonly #store: Store;
  readonly #fetching: Fetching;
  readonly #ends = new Set<(reason: string) => void>();
  /** Results larger than this stay here. */
  #keepAboveBytes = Infinity;
  #address: string | undefined;

  constructor(options: ResultsOptions) {
    this.#options = options;
    const { memoryBytes, disk, clock, reports, log, token, open, localAddress } = options;
    this.#peers = new Peers({ token, open, localAddress, clock });
    this.#store = new Store({
      spillAboveBytes: spillShare * memoryBytes,
      pauseAboveBytes: memoryBytes,
      disk,
      clock,
      on: {
        paused: (reason) => {
          log.warning(`taking no new tasks: ${reason}`);
          reports.paused(reason);
          options.paused(true);
        },
        resumed: () => {
          log.info("taking tasks again");
          reports.resumed();
          options.paused(false);
        },
        room: () => this.#fetching.startMore(),
        problem: (text) => log.warning(text),
      },
    });
    this.#fetching = new Fetching({
      store: this.#store,
      peers: this.#peers,
      ownAddress: () => this.#address,
      schedulerAddress: options.schedulerAddress,
      bytesAtOnce: memoryBytes / 4,
      held: ({ key, order, attempt }, bytes) => reports.held(key, order, attempt, bytes),
    });
  }

  set address(address: string) {
    this.#address = address;
  }

  get size(): number {
    return this.#store.size;
  }

  get paused(): boolean {
    return this.#store.paused;
  }

  /** As the scheduler says when it welcomes this worker, and later. */
  set keepAboveBytes(bytes: number) {
    this.#keepAboveBytes = bytes;
  }

  /** What is to be told of a result: itself when it is small, else its size, and it stays here. */
  keep({ key, attempt }: Attempt, value: Payload): Payload | Held {
    const bytes = payloadBytes(value);
    if (bytes <= this.#keepAboveBytes) {
      countShared(bytes);
      return value;
    }
    this.#store.put({ key, order: undefined, attempt }, value);
    return { bytes };
  }

  /** Fetches what is not among these inputs; undefined when all is. */
  gather(
    inputs: readonly (Payload | Reference)[],
    peers: readonly string[],
  ): Gathering | undefined {
    if (!inputs.some(isReference)) return undefined;
    const stop = new AbortController();
    const entries: Entry[] = [];
    let isOver = false;
    const pinned = (entry: Entry): Payload => {
      if (isOver) this.#store.letGo(entry);
      else entries.push(entry);
      return entry.payload!;
    };
    const letGo = () => {
      if (isOver) return;
      isOver = true;
      stop.abort(new Error("the call is over"));
      for (const entry of entries) this.#store.letGo(entry);
    };
    const each = inputs.map((input): Promise<Payload> => {
      if (!isReference(input)) return Promise.resolve(input);
      const entry = this.#fetching.get(wantedOf(input, peers), stop.signal);
      return entry instanceof Promise ? entry.then(pinned) : Promise.resolve(pinned(entry));
    });
    return { inputs: Promise.all(each), letGo };
  }

  /**
   * A value for the client inside a task, which cannot fetch for itself.
   *
   * @throws {MissingError} when it is not to be had; the scheduler has been told
   */
  async bring({ key, order, attempt, bytes, from }: Located): Promise<Payload> {
    const here = this.#address !== undefined && from.includes(this.#address);
    try {
      const entry = await this.#fetching.get(
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
      const entry = await this.#fetching.get(wanted, new AbortController().signal);
      if (wasHere) reports.held(key, order, attempt, entry.bytes);
      this.#store.letGo(entry);
    } catch (error) {
      if (!(error instanceof MissingError)) throw error;
      // When somebody lacks it the scheduler learns something; else all is as it was.
      if (error.lacking.length > 0) return reports.missing(undefined, error);
      const { clock = systemClock } = this.#options;
      clock.setTimeout(() => reports.missing(undefined, error), copyAgainMs, { keepAlive: false });
    }
  }

  /** Gives to and takes from whoever opened this socket. */
  accept(socket: Socket): void {
    const responding = respond(
      socket,
      {
        find: (want) => this.#store.source(want),
        take: (want, incoming) => this.#take(want, incoming),
      },
      () => this.#ends.delete(responding.end),
    );
    this.#ends.add(responding.end);
  }

  /** A scattered value comes. */
  async #take(want: Want, incoming: Incoming): Promise<void> {
    const bytes = bytesOfShape(incoming.shape);
    if (bytes > this.#options.memoryBytes) {
      throw new Error(`raise --memory-limit: the value has ${bytes} bytes`);
    }
    this.#store.expect(bytes);
    try {
      const assembly = new Assembly(incoming.shape, allocate);
      await incoming.readInto(assembly);
      const entry = this.#store.put(want, assembly.take());
      this.#options.reports.held(want.key, want.order, want.attempt, entry.bytes);
    } catch (error) {
      countShared(bytes);
      throw error;
    } finally {
      this.#store.unexpect(bytes);
    }
  }

  /** The scheduler does not know this worker any more: nobody knows what it holds. */
  clear(): void {
    this.#store.clear();
  }

  close(): void {
    for (const end of this.#ends) end("the worker ends");
    this.#peers.close();
    this.#store.close();
  }
}

function isReference(input: Payload | Reference): input is Reference {
  return typeof input === "object" && "from" in input;
}

function wantedOf({ from, here, ...rest }: Reference, peers: readonly string[]): Wanted {
  const addresses = from.flatMap((place) => peers[place] ?? []).slice(0, limits.holders);
  return { ...rest, from: addresses, here: here ?? false };
}
