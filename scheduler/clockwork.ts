// Drives the core: passes it events with the current time, wakes it at the time that it asked for, and
// performs its effects. Only this file connects the pure core with time and I/O.

import { longestTimerMs } from "../src/duration.ts";
import type { Payload } from "../src/payload/payload.ts";
import type { Want } from "../src/transfer/messages.ts";
import type { ToClient, ToWorker } from "../src/wire/protocol.ts";
import type { Log } from "../src/log.ts";
import type { ParametersOf, QueryName, ResultOf } from "../src/wire/requests.ts";
import type { Refusal } from "./core/clients/answers.ts";
import { queries } from "./core/clients/requests.ts";
import type { Effect } from "./core/effects.ts";
import { createState, type CoreOptions, type State } from "./core/state.ts";
import { findResult } from "./core/values/recompute.ts";
import { nextWakeUp, step, type Event } from "./core/step.ts";
import { clearTimeout, setTimeout, timestamp } from "../src/timers.ts";

/** Sends messages to the peers. */
export type Carrier = {
  send(peer: string, messages: readonly (ToClient | ToWorker)[]): void;
  disconnect(peer: string, why: string): void;
};

export type Found =
  | { readonly value: Payload }
  | {
      readonly value: undefined;
      readonly holders: readonly { readonly id: string; readonly address: string }[];
    };

export class Clockwork {
  readonly #state;
  readonly #log: Log;
  readonly #idle: { timeoutMs: number; run: () => void } | undefined;
  readonly #stopScheduler: (why: string) => void;
  readonly #stepped: ((state: State, event: Event) => void) | undefined;
  #carrier: Carrier | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt: number | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: {
    core: Partial<CoreOptions>;
    log: Log;
    idle?: { timeoutMs: number; run: () => void };
    /** Ends the scheduler, at the request of a client. */
    stopScheduler?: (why: string) => void;
    /** Called with the state after every step, before the effects; must not change the state. */
    stepped?: (state: State, event: Event) => void;
  }) {
    this.#state = createState(options.core);
    this.#log = options.log;
    this.#idle = options.idle;
    this.#stopScheduler = options.stopScheduler ?? (() => undefined);
    this.#stepped = options.stepped;
    this.#watchIdle();
  }

  get options(): CoreOptions {
    return this.#state.options;
  }

  set carrier(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** The only way to change the state: applies one event and performs its effects. */
  handle(event: Event): void {
    if (this.#stopped) return;
    const effects = step(this.#state, timestamp(), event);
    this.#stepped?.(this.#state, event);
    for (const effect of effects) this.#perform(effect);
    this.#schedule();
    this.#watchIdle();
  }

  /** The answer to a question, from the state as it is now: nothing changes. */
  query<Name extends QueryName>(
    name: Name,
    parameters: ParametersOf<Name>,
  ): ResultOf<Name> | Refusal {
    return queries[name]({ state: this.#state, now: timestamp() }, parameters);
  }

  /** The requested value, or the workers that hold it; undefined when there is no such value. */
  find(want: Want): Found | undefined {
    const task = findResult(this.#state, want);
    if (task?.state.at !== "finished") return undefined;
    const { value, holders } = task.state;
    if (value !== undefined) return { value };
    const all = [...(holders ?? [])].filter(({ awayUntil }) => awayUntil === undefined);
    return {
      value: undefined,
      holders: all.flatMap(({ id, address }) => (address === undefined ? [] : [{ id, address }])),
    };
  }

  /** Whether a connected worker serves values at this address. */
  isWorkerAt(address: string): boolean {
    for (const worker of this.#state.workers.values()) if (worker.address === address) return true;
    return false;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#idleTimer);
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case "send-to-worker":
      case "send-to-client":
        this.#carrier?.send(effect.to, effect.messages);
        break;
      case "disconnect":
        this.#carrier?.disconnect(effect.peer, effect.why);
        break;
      case "stop":
        this.#stopScheduler(effect.why);
        break;
      case "log":
        this.#log[effect.level](effect.text);
        break;
      default:
        effect satisfies never;
    }
  }

  #schedule(): void {
    const at = nextWakeUp(this.#state);
    if (at === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === undefined) return;
    const waitMs = Math.min(Math.max(Math.ceil(at - timestamp()), 0), longestTimerMs);
    this.#timer = setTimeout(() => {
      this.#timerAt = undefined;
      this.handle({ type: "clock" });
    }, waitMs);
  }

  /** Starts the idle timer while there are no clients and no tasks to run, and stops it otherwise. */
  #watchIdle(): void {
    if (this.#idle === undefined) return;
    const { clients, counts } = this.#state;
    const isIdle = clients.size === 0 && counts.waiting + counts.ready + counts.running === 0;
    if (!isIdle) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = undefined;
    } else {
      this.#idleTimer ??= setTimeout(
        this.#idle.run,
        Math.min(this.#idle.timeoutMs, longestTimerMs),
      );
    }
  }
}
