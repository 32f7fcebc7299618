// Watches the clock of the machine for the schedules with cron expressions, and tells the core of their
// moments. That clock may be set, and timers stand still while the machine sleeps: so it is looked at
// again and again, and not only when the next moment should have come.

import {
  clearImmediate,
  clearTimeout,
  now,
  setImmediate,
  setTimeout,
  wallTime,
} from "../src/timers.ts";
import type { CronMoments } from "./core/schedules/moments.ts";
import { mostDue, wasWrong, type Schedule } from "./core/schedules/schedules.ts";
import type { State } from "./core/state.ts";
import { mayStart } from "./core/time-limit.ts";
import { cronMoments } from "./cron.ts";

/** The clock is looked at so often, at least. */
const lookMs = 60_000;

/** After so long in one turn of the event loop, the rest of the expressions wait for the next turn. */
const turnMs = 20;

/** To list moments takes long: those of which only the newest runs are not counted beyond this. */
const mostCounted = 100;

/** Tells the core, and calls back when it has heard. */
export type TellMoments = (at: number, of: readonly CronMoments[], heard: () => void) => void;

export class CronWatch {
  readonly #state: State;
  readonly #tell: TellMoments;
  readonly #clock: () => number;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  /** The revision of the schedules that it looks after. */
  #revision = 0;
  #isTelling = false;
  #stopped = false;

  constructor(options: { state: State; tell: TellMoments; clock?: () => number }) {
    this.#state = options.state;
    this.#tell = options.tell;
    this.#clock = options.clock ?? wallTime;
    this.consider();
  }

  /** Called after every step: there may be other schedules, or other moments. */
  consider(): void {
    const { revision } = this.#state.schedules;
    if (revision === this.#revision) return;
    this.#revision = revision;
    this.#lookSoon();
  }

  /** Not at once: this may be within a step of the core. */
  #lookSoon(): void {
    if (this.#stopped) return;
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.#look();
    });
  }

  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#soon);
    clearTimeout(this.#timer);
  }

  #look(): void {
    if (this.#isTelling) return;
    clearTimeout(this.#timer);
    const { crons } = this.#state.schedules;
    if (crons.size === 0) return;
    const at = this.#clock();
    const due: Schedule[] = [];
    let nextAt = Infinity;
    for (const schedule of crons.values()) {
      const { nextAt: own = Infinity } = schedule;
      if (this.#isDue(schedule, at)) due.push(schedule);
      // One that has come and is not due waits for the next scheduler.
      else if (own > at) nextAt = Math.min(nextAt, own);
    }
    const found = this.#find(due, at);
    if (found.length > 0) {
      this.#isTelling = true;
      this.#tell(at, found, () => {
        this.#isTelling = false;
        this.#lookSoon();
      });
    } else {
      const waitMs = Math.min(Math.max(Math.ceil(nextAt - at), 1), lookMs);
      this.#timer = setTimeout(() => this.#look(), waitMs);
    }
  }

  /** As many as there is time for. Those that waited longest come first, or others would always be before them. */
  #find(due: Schedule[], at: number): CronMoments[] {
    due.sort((one, other) => (one.nextAt ?? 0) - (other.nextAt ?? 0));
    const end = now() + turnMs;
    const found: CronMoments[] = [];
    for (const schedule of due) {
      found.push(momentsOf(schedule, at));
      if (now() > end) break;
    }
    return found;
  }

  #isDue(schedule: Schedule, at: number): boolean {
    const { seenAt, nextAt } = schedule;
    if (this.#state.schedules.pending.has(schedule)) return true;
    if (seenAt === undefined || nextAt === undefined || !mayStart(this.#state)) return false;
    return nextAt <= at || wasWrong(seenAt, at);
  }
}

function momentsOf({ number, cron, seenAt, catchUp }: Schedule, at: number): CronMoments {
  const after = seenAt === undefined || wasWrong(seenAt, at) ? at : seenAt;
  const most = catchUp === "all" ? mostDue : mostCounted;
  return { schedule: number, ...cronMoments(cron!, { after, upTo: at, most }) };
}
