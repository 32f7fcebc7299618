// Events are kept before they happen. They wait for the end of a turn of the event loop, are written to
// the journal together, and are then handed on in order: so whatever is told or acknowledged is kept.
//
// While the disk is full, the scheduler takes nothing new: what clients submit is refused, and written is only
// that, for which the journal has a reserve. What the workers say is written as long as half of it is left, since
// nobody can refuse it. All that finds no room waits, and with it what the same peer said after it.

import type { SocketData } from "../src/link/socket.ts";
import { clearTimeout, setImmediate, setTimeout } from "../src/timers.ts";
import type { Event } from "./core/step.ts";
import type { WorkerHello } from "../src/wire/protocol.ts";
import { JournalFullError } from "./journal/journal-error.ts";
import { recordOf, type Happening, type PeerHello } from "./records.ts";
import { refusalOf } from "./refusal.ts";

/** The part of a journal that keeps records. */
export type Keeper = {
  /** Adds a record to the next `write`. */
  append(parts: readonly (string | Uint8Array)[]): void;
  /** Survives the end of this process from then on. */
  write(): void;
  /** Survives the loss of power from then on. */
  sync(): Promise<void>;
  /** Forgets what was appended and is not written. */
  discard(): void;
  /** Sees to it that there is a reserve of room. */
  reserve(): void;
  /** Gives the reserve up, so that something can be written although the disk is full. */
  spendReserve(): void;
  readonly reserveBytes: number;
};

/** What is known of an event beyond what the core has to know. */
export type Origin = {
  /** The frame of `client-messages` and `worker-messages`. */
  readonly frame?: SocketData;
  /** Of `client-joins` and `worker-joins`. */
  readonly hello?: PeerHello;
  /** Called when the event has happened. */
  readonly happened?: () => void;
  /** The core has refused the event, which breaks the protocol. */
  readonly refused?: (error: Error) => void;
};

/** The pause, in milliseconds, before it is seen again whether there is room: it grows to the longest. */
const [retryMs, longestRetryMs] = [200, 2_000];

type Happens = { event: Event; now: number; readonly origin: Origin };
/**
 * The pause, in milliseconds, between two commits while the disk is full: a program that makes refused calls again and
 * again uses the reserve up no faster than that.
 */
const pauseMs = 100;

/** Something to be run in its turn, after what this peer has said, or after everything. */
type Turn = {
  readonly run: () => void;
  readonly after: Pick<PeerHello, "role" | "id"> | undefined;
};
type Waiting = Happens | Turn;

export class WriteAhead {
  readonly #keeper: Keeper;
  readonly #isSynced: boolean;
  readonly #apply: (event: Event, now: number, origin: Origin) => void;
  readonly #fail: (error: Error) => void;
  readonly #full: (isFull: boolean, why?: string) => void;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Something came since the last commit. */
  #hasNews = false;
  /** A commit is to come, or under way. */
  #isBusy = false;
  #isFull = false;
  /** Even the reserve is used up: everything waits until it is seen again whether there is room. */
  #isUsedUp = false;
  /** Bytes written since the reserve was given up. */
  #spentBytes = 0;
  #retryMs = retryMs;
  #retry: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  /** The moment of the newest record: those of others that had to wait for room may be earlier. */
  #now = 0;
  #stopped = false;

  constructor(options: {
    keeper: Keeper;
    /** Whether records have to survive the loss of power. */
    isSynced: boolean;
    apply: (event: Event, now: number, origin: Origin) => void;
    /** Nothing can be kept any more. */
    fail: (error: Error) => void;
    /** There is no room for more, or there is room again. */
    full: (isFull: boolean, why?: string) => void;
  }) {
    this.#keeper = options.keeper;
    this.#isSynced = options.isSynced;
    this.#apply = options.apply;
    this.#fail = (error) => {
      if (this.#stopped) return;
      this.stop();
      options.fail(error);
    };
    this.#full = options.full;
    // Makes the reserve.
    this.#commitSoon();
  }

  /** Bytes of the frames and hellos that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  handle(event: Event, now: number, origin: Origin): void {
    if (!this.#stopped) this.#wait({ event, now, origin });
  }

  /** Runs when all events so far have happened, or all of this peer: at once if none waits. */
  afterwards(run: () => void, after?: Turn["after"]): void {
    if (this.#stopped || (!this.#isBusy && this.#waiting.length === 0)) run();
    else this.#wait({ run, after });
  }

  /** No event happens any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#pause);
    this.#waiting = [];
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#waitingBytes += bytesOf(waiting);
    this.#hasNews = true;
    if (!this.#isUsedUp) this.#commitSoon();
  }

  #commitSoon(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    if (this.#isFull) this.#pause = setTimeout(() => this.#commit(), pauseMs);
    else setImmediate(() => this.#commit());
  }

  #commit(): void {
    if (this.#stopped) return;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#hasNews = false;
    let written: readonly Waiting[];
    try {
      written = this.#written(batch);
    } catch (error) {
      return this.#fail(error as Error);
    }
    if (this.#isSynced && written.length > 0) {
      this.#keeper.sync().then(() => this.#conclude(written), this.#fail);
    } else this.#conclude(written);
  }

  /** Writes what can be written, and returns that; the rest waits. */
  #written(batch: readonly Waiting[]): readonly Waiting[] {
    if (!this.#isFull || this.#retry === undefined) {
      try {
        this.#writeAll(batch);
        if (this.#isFull) this.#goOn();
        return batch;
      } catch (error) {
        if (!(error instanceof JournalFullError)) throw error;
        this.#runShort(error);
      }
    }
    return this.#writeWhatFits(batch);
  }

  #writeAll(batch: readonly Waiting[]): void {
    this.#keeper.reserve();
    this.#spentBytes = 0;
    for (const each of batch) {
      if ("run" in each) continue;
      each.now = this.#now = Math.max(each.now, this.#now);
      this.#keeper.append(recordOf({ now: each.now, what: happening(each) }));
    }
    if (batch.length > 0) this.#keeper.write();
  }

  /** Peers keep what they said, since nobody acknowledges it: so nothing is lost that has to wait. */
  #runShort({ message }: JournalFullError): void {
    this.#keeper.discard();
    this.#keeper.spendReserve();
    this.#isUsedUp = false;
    if (this.#isFull) {
      this.#retryMs = Math.min(2 * this.#retryMs, longestRetryMs);
      return;
    }
    this.#isFull = true;
    this.#retryMs = retryMs;
    this.#full(true, message);
  }

  #goOn(): void {
    this.#isFull = this.#isUsedUp = false;
    this.#full(false);
  }

  #writeWhatFits(batch: readonly Waiting[]): readonly Waiting[] {
    const written: Waiting[] = [];
    const held = new Set<string>();
    for (const each of batch) {
      const speaker = speakerOf(each);
      const mustWait = speaker === undefined ? this.#waiting.length > 0 : held.has(speaker);
      if (!mustWait && ("run" in each || this.#fits(each, speaker!))) written.push(each);
      else {
        this.#waiting.push(each);
        if (speaker !== undefined) held.add(speaker);
      }
    }
    return written;
  }

  /** Writes an event if there is room for it, or for what is left of it when it is refused. */
  #fits(each: Happens, speaker: string): boolean {
    if (this.#isUsedUp) return false;
    const { event, origin } = each;
    const refusal =
      event.type === "client-messages" && origin.frame !== undefined
        ? refusalOf(event, origin.frame)
        : undefined;
    const now = Math.max(each.now, this.#now);
    const record = recordOf({ now, what: refusal ?? happening(each) });
    const bytes = record.reduce((sum, { length }) => sum + length, 0);
    const { reserveBytes } = this.#keeper;
    if (speaker === cluster && this.#spentBytes + bytes > reserveBytes / 2) return false;
    try {
      this.#keeper.append(record);
      this.#keeper.write();
    } catch (error) {
      if (!(error instanceof JournalFullError)) throw error;
      this.#keeper.discard();
      this.#isUsedUp = true;
      return false;
    }
    this.#spentBytes += bytes;
    each.now = this.#now = now;
    if (refusal) each.event = refusal.event;
    return true;
  }

  #conclude(written: readonly Waiting[]): void {
    for (const each of written) {
      this.#waitingBytes -= bytesOf(each);
      if (!this.#stopped) this.#happen(each);
    }
    if (this.#stopped) return;
    this.#isBusy = false;
    if (this.#hasNews && !this.#isUsedUp) this.#commitSoon();
    if (!this.#isFull) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#commitSoon();
    }, this.#retryMs);
  }

  #happen(waiting: Waiting): void {
    if ("run" in waiting) return waiting.run();
    const { event, now, origin } = waiting;
    try {
      this.#apply(event, now, origin);
    } catch (error) {
      if (origin.refused === undefined) throw error;
      origin.refused(error as Error);
    }
  }
}

function bytesOf(waiting: Waiting): number {
  if ("run" in waiting) return waiting.after === undefined ? 0 : helloBytes(waiting.after);
  const { frame, hello } = waiting.origin;
  return frame?.length ?? (hello === undefined ? 0 : helloBytes(hello));
}

/** More or less: a hello may be large by its functions. */
function helloBytes(hello: object): number {
  let bytes = 1_000;
  const { functions = [], digests = [] } = hello as Partial<WorkerHello>;
  for (const texts of [functions, digests]) for (const text of texts) bytes += 32 + text.length;
  return bytes;
}

/** Workers, the clock and all else that is of the cluster have one order. */
const cluster = "";

/** Whose events stay in order: a client's own, or those of the cluster; undefined for what comes after all. */
function speakerOf(waiting: Waiting): string | undefined {
  if ("run" in waiting) {
    const { after } = waiting;
    return after?.role === "worker" ? cluster : after?.id;
  }
  const { event } = waiting;
  switch (event.type) {
    case "client-joins":
    case "client-away":
    case "client-back":
    case "client-leaves":
      return event.id;
    case "client-messages":
      return event.from;
    default:
      return cluster;
  }
}

function happening({ event, origin: { frame, hello } }: Happens): Happening {
  if (hello !== undefined) return { kind: "join", hello };
  if (frame === undefined) return { kind: "event", event };
  switch (event.type) {
    case "client-messages":
      return { kind: "frame", role: "client", from: event.from, data: frame };
    case "worker-messages":
      return { kind: "frame", role: "worker", from: event.from, data: frame };
    default:
      return { kind: "event", event };
  }
}
