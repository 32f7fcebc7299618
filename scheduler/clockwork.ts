// Drives the core: passes it events with the current time, wakes it at the time that it asked for, and
// performs its effects. Only this file connects the pure core with time and I/O.

import { longestTimerMs } from "../src/duration.ts";
import type { Payload } from "../src/payload/payload.ts";
import type { Want } from "../src/transfer/messages.ts";
import type { JobStep } from "../src/wire/lifetimes.ts";
import type { ToClient, ToWorker } from "../src/wire/protocol.ts";
import type { Log } from "../src/log.ts";
import { rateLimited } from "../src/rate-limit.ts";
import type { ParametersOf, QueryName, ResultOf } from "../src/wire/requests.ts";
import type { Refusal } from "./core/clients/answers.ts";
import { queries } from "./core/clients/requests.ts";
import type { Effect, UnheardFailure } from "./core/effects.ts";
import { useOf } from "./core/idle.ts";
import type { Level } from "./core/memory/ledger.ts";
import { missedSteps } from "./core/placement/no-workers.ts";
import { awaySteps, whyNotJoin } from "./core/workers/membership.ts";
import { createState, type CoreOptions, type State } from "./core/state.ts";
import { findResult } from "./core/values/recompute.ts";
import { nextWakeUp, step, type Event } from "./core/step.ts";
import { CronWatch } from "./cron-watch.ts";
import { clearTimeout, setTimeout, timestamp } from "../src/timers.ts";
import type { PeerHello } from "./records.ts";
import { WallWatch } from "./wall-watch.ts";
import { WriteAhead, type Keeper, type Origin } from "./write-ahead.ts";

/** Sends messages to the peers. */
export type Carrier = {
  send(peer: string, messages: readonly (ToClient | ToWorker)[]): void;
  disconnect(peer: string, why: string): void;
  /** A long step is at work. */
  pulse?(): void;
};

export type Found =
  | { readonly value: Payload }
  | {
      readonly value: undefined;
      readonly holders: readonly { readonly id: string; readonly address: string }[];
    };

/** Where a scheduler goes on, and what keeps its events. */
export type Continuation = {
  readonly keeper: Keeper;
  readonly isSynced: boolean;
  /** The state at the end of the journal, and the moment of its last event. */
  readonly kept: { readonly state: State; readonly now: number };
  /** Nothing can be kept any more. */
  readonly fail: (error: Error) => void;
};

export type Stepped = (
  state: State,
  event: Event,
  how: { readonly now: number; readonly effects: readonly Effect[] },
) => void;

export class Clockwork {
  readonly #state: State;
  /** Undefined when events are not kept: they happen at once. */
  readonly #ahead: WriteAhead | undefined;
  /** Added to the clock, which may have been set back since the last event. */
  readonly #lateMs: number;
  readonly #log: Log;
  readonly #unheard;
  readonly #idle: { timeoutMs: number; run: () => void } | undefined;
  readonly #stopScheduler: (why: string) => void;
  readonly #stepped: Stepped | undefined;
  readonly #cron: CronWatch;
  readonly #wall: WallWatch;
  #carrier: Carrier | undefined;
  readonly #pulse = () => this.#carrier?.pulse?.();
  #timer: NodeJS.Timeout | undefined;
  #timerAt: number | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #saidWhatIsKept = false;
  #stopped = false;

  constructor(options: {
    core: Partial<CoreOptions>;
    durable?: Continuation;
    log: Log;
    idle?: { timeoutMs: number; run: () => void };
    /** Ends the scheduler, at the request of a client. */
    stopScheduler?: (why: string) => void;
    /** Called with the state after every step, before the effects; must not change the state. */
    stepped?: Stepped;
  }) {
    const { durable } = options;
    this.#state = durable?.kept.state ?? createState(options.core);
    this.#lateMs = durable === undefined ? 0 : Math.max(0, durable.kept.now - timestamp());
    this.#ahead =
      durable &&
      new WriteAhead({
        ...durable,
        apply: (event, now, origin) => this.#apply(event, now, origin),
        full: (isFull, why = "") => {
          if (isFull) this.#log.error(`nothing new is taken until there is room: ${why}`);
          else this.#log.warning("there is room for the journal again: the scheduler goes on");
        },
      });
    this.#log = options.log;
    this.#unheard = rateLimited(options.log.error, {
      what: "tasks that failed while nobody waited for them",
    });
    this.#idle = options.idle;
    this.#stopScheduler = options.stopScheduler ?? (() => undefined);
    this.#stepped = options.stepped;
    this.#cron = new CronWatch({
      state: this.#state,
      tell: (at, of, happened) => this.handle({ type: "moments", at, of }, { happened }),
    });
    this.#wall = new WallWatch({
      state: this.#state,
      now: () => this.#now(),
      tell: (at) => this.handle({ type: "wall-clock", at }),
    });
    this.#watchIdle();
  }

  get level(): Level {
    return this.#state.ledger.level;
  }

  /** Bytes of frames that wait to be kept. */
  get waitingBytes(): number {
    return this.#ahead?.waitingBytes ?? 0;
  }

  get options(): CoreOptions {
    return this.#state.options;
  }

  set carrier(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** Whether events are kept before they happen. */
  get keeps(): boolean {
    return this.#ahead !== undefined;
  }

  /** The only way to change the state: applies one event and performs its effects. */
  handle(event: Event, origin: Origin = {}): void {
    if (this.#stopped) return;
    const now = this.#now();
    if (this.#ahead) this.#ahead.handle(event, now, origin);
    else this.#apply(event, now, origin);
  }

  /** Runs when all events so far have happened, or all of this peer. */
  afterwards(run: () => void, after?: Pick<PeerHello, "role" | "id">): void {
    if (this.#ahead) this.#ahead.afterwards(run, after);
    else run();
  }

  /** The answer to a question, from the state as it is now: nothing changes. */
  query<Name extends QueryName>(
    name: Name,
    parameters: ParametersOf<Name>,
  ): ResultOf<Name> | Refusal {
    return queries[name]({ state: this.#state, now: this.#now() }, parameters);
  }

  /** The steps of batch jobs in which workers run whose links are down. */
  awaySteps(): JobStep[] {
    return awaySteps(this.#state);
  }

  /** The steps of batch jobs in which workers ran, while none is left and somebody may wait for one. */
  missedSteps(): JobStep[] | undefined {
    return missedSteps(this.#state);
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

  /** Why there is no room for a peer that would join, in words; undefined when there is. */
  whyNotJoin(hello: PeerHello): string | undefined {
    return hello.role === "worker" ? whyNotJoin(this.#state, hello.id, hello) : undefined;
  }

  /** Whether a connected worker serves values at this address. */
  isWorkerAt(address: string): boolean {
    for (const worker of this.#state.workers.values()) if (worker.address === address) return true;
    return false;
  }

  stop(): void {
    this.#stopped = true;
    this.#ahead?.stop();
    this.#unheard.flush();
    this.#cron.stop();
    this.#wall.stop();
    clearTimeout(this.#timer);
    clearTimeout(this.#idleTimer);
  }

  #now(): number {
    return timestamp() + this.#lateMs;
  }

  #apply(event: Event, now: number, { happened }: Origin): void {
    const effects = step(this.#state, now, event, this.#pulse);
    this.#stepped?.(this.#state, event, { now, effects });
    for (const effect of effects) this.#perform(effect);
    happened?.();
    this.#schedule();
    this.#cron.consider();
    this.#wall.consider();
    this.#watchIdle();
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
        if (effect.unheard) this.#unheard.say(effect.text, factsOf(effect.unheard));
        else this.#log[effect.level](effect.text);
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
    const waitMs = Math.min(Math.max(Math.ceil(at - this.#now()), 0), longestTimerMs);
    this.#timer = setTimeout(() => {
      this.#timerAt = undefined;
      this.handle({ type: "clock" });
    }, waitMs);
  }

  /** Starts the idle timer while the scheduler is of use to nobody, and stops it otherwise. */
  #watchIdle(): void {
    if (this.#idle === undefined) return;
    const use = useOf(this.#state);
    if (use !== undefined) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = undefined;
      // Only the first time: clients may come and go every second.
      if (use !== "in use" && !this.#saidWhatIsKept) {
        this.#saidWhatIsKept = true;
        this.#log.info(`the idle timeout waits while something is kept for others: ${use.keeps}`);
      }
    } else {
      this.#idleTimer ??= setTimeout(
        this.#idle.run,
        Math.min(this.#idle.timeoutMs, longestTimerMs),
      );
    }
  }
}

/** The facts of a log line. */
function factsOf({ failure, dependents, ...facts }: UnheardFailure): Record<string, unknown> {
  const { code, error } = failure;
  return {
    ...facts,
    code,
    ...(dependents > 0 && { dependents }),
    ...(error && { error: `${error.name}: ${error.message}`, stack: error.stack }),
  };
}
