// Events are kept before they happen. They wait for the end of a turn of the event loop, are written to
// the journal together, and are then handed on in order: so whatever is told or acknowledged is kept.

import type { SocketData } from "../src/link/socket.ts";
import { clearTimeout, setImmediate, setTimeout } from "../src/timers.ts";
import type { Event } from "./core/step.ts";
import { JournalFullError } from "./journal/journal-error.ts";
import { recordOf, type Happening, type PeerHello } from "./records.ts";

/** The part of a journal that keeps records. */
export type Keeper = {
  /** Adds a record to the next `write`. */
  append(parts: readonly (string | Uint8Array)[]): void;
  /** Survives the end of this process from then on. */
  write(): void;
  /** Survives the loss of power from then on. */
  sync(): Promise<void>;
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

/** The pause, in milliseconds, before records are tried again for which there was no room. */
const retryMs = 200;

type Waiting =
  { readonly event: Event; readonly now: number; readonly origin: Origin } | (() => void);

export class WriteAhead {
  readonly #keeper: Keeper;
  readonly #isSynced: boolean;
  readonly #apply: (event: Event, now: number, origin: Origin) => void;
  readonly #fail: (error: Error) => void;
  readonly #full: (isFull: boolean, why?: string) => void;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isFull = false;
  #stopped = false;
  #retry: NodeJS.Timeout | undefined;

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
  }

  handle(event: Event, now: number, origin: Origin): void {
    if (this.#stopped) return;
    try {
      this.#keeper.append(recordOf({ now, what: happening(event, origin) }));
    } catch (error) {
      return this.#fail(error as Error);
    }
    this.#wait({ event, now, origin });
  }

  /** Runs when all events so far have happened: at once if none waits. */
  afterwards(run: () => void): void {
    if (!this.#isBusy || this.#stopped) run();
    else this.#wait(run);
  }

  /** No event happens any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#waiting = [];
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#keeper.write();
    } catch (error) {
      if (error instanceof JournalFullError) this.#awaitRoom(batch, error);
      else this.#fail(error as Error);
      return;
    }
    if (this.#isSynced) {
      this.#keeper.sync().then(() => this.#conclude(batch), this.#fail);
    } else this.#conclude(batch);
  }

  #conclude(batch: readonly Waiting[]): void {
    if (this.#isFull) {
      this.#isFull = false;
      this.#full(false);
    }
    for (const each of batch) if (!this.#stopped) this.#happen(each);
    if (this.#waiting.length > 0) setImmediate(() => this.#commit());
    else this.#isBusy = false;
  }

  /** Nothing is lost and nothing happens meanwhile: peers keep what they said, since nobody acknowledges it. */
  #awaitRoom(batch: Waiting[], { message }: JournalFullError): void {
    if (!this.#isFull) {
      this.#isFull = true;
      this.#full(true, message);
    }
    this.#waiting = [...batch, ...this.#waiting];
    this.#retry = setTimeout(() => this.#commit(), retryMs);
  }

  #happen(waiting: Waiting): void {
    if (typeof waiting === "function") return waiting();
    const { event, now, origin } = waiting;
    try {
      this.#apply(event, now, origin);
    } catch (error) {
      if (origin.refused === undefined) throw error;
      origin.refused(error as Error);
    }
  }
}

function happening(event: Event, { frame, hello }: Origin): Happening {
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
