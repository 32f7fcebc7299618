// The one door to the state: an event goes in, effects come out, and nothing else changes the state.
//
//   const effects = step(state, now, { type: "worker-messages", from: "w1", messages });
//
// The caller performs the effects in order, sends the event `clock` at `nextWakeUp`, and `moments` of the cron
// expressions in `state.schedules.crons`.

import type { JobStep } from "../../src/wire/lifetimes.ts";
import type { FromClient, FromWorker } from "../../src/wire/protocol.ts";
import type { Right } from "../../src/wire/rights.ts";
import * as client from "./clients/client-events.ts";
import type { Refused } from "./clients/refusing.ts";
import { clock } from "./clock-events.ts";
import { Effects, type Effect } from "./effects.ts";
import { advanceScatters } from "./values/scattering.ts";
import { advanceRetirements } from "./workers/retiring.ts";
import { receiveHolderLacks } from "./values/recompute.ts";
import { reviewMemory } from "./memory/levels.ts";
import { place } from "./placement/placement.ts";
import { awaitWorkers, giveUpWorkers } from "./placement/no-workers.ts";
import { startUnschedulableTimeouts } from "./placement/unschedulable.ts";
import { receiveMoments, type CronMoments } from "./schedules/moments.ts";
import { advanceBacklogs } from "./schedules/runs.ts";
import type { ClientId, State, WorkerId } from "./state.ts";
import { endSubTasks } from "./clients/sub-tasks.ts";
import { failUnstarted, startEnding } from "./time-limit.ts";
import { hurryAll } from "./tasks/urgency.ts";
import { receiveEnded, type EndedWorker } from "./workers/ended.ts";
import * as worker from "./workers/membership.ts";
import { receive as receiveFromWorker } from "./workers/worker-events.ts";

/** Something that happened outside of the core. */
export type Event =
  /** Without a right the client has the full one. */
  | { type: "client-joins"; id: ClientId; name: string; right?: Right }
  | { type: "client-messages"; from: ClientId; messages: readonly FromClient[] }
  /** The same while the scheduler takes nothing new, for a reason in words. */
  | {
      type: "client-refused";
      from: ClientId;
      messages: readonly (FromClient | Refused)[];
      why: string;
    }
  /** The link of a client dropped, or is only silent; it has a grace period to come back. */
  | { type: "client-away"; id: ClientId; isSilent?: boolean }
  | { type: "client-back"; id: ClientId }
  /** The client closed, or broke the protocol: there is no grace period. */
  | { type: "client-leaves"; id: ClientId }
  | ({ type: "worker-joins"; id: WorkerId } & worker.WorkerFacts)
  | { type: "worker-messages"; from: WorkerId; messages: readonly FromWorker[] }
  | { type: "worker-away"; id: WorkerId }
  | { type: "worker-back"; id: WorkerId }
  /** The worker is gone for good; `how` says in words how it ended, for the errors of its tasks. */
  | { type: "worker-lost"; id: WorkerId; how: string }
  /** A process says that a worker has ended, or could not start. */
  | ({ type: "worker-ended" } & EndedWorker)
  /** The step of a batch job has ended: workers that ran in it and are away are lost. */
  | { type: "step-ended"; step: JobStep }
  /** It is known that no worker is coming, and why, in words. */
  | { type: "no-worker-coming"; why: string }
  /** The time limit of the scheduler's job is near; `limit` names it. */
  | { type: "time-limit"; limit: string; leftMs: number }
  /** A fetch of a value from one of its holders found that the worker does not have it. */
  | { type: "holder-lacks"; worker: WorkerId; key: string; order: number; attempt: number }
  /** Moments of schedules with cron expressions have come; `at` is what the clock of the machine says. */
  | { type: "moments"; at: number; of: readonly CronMoments[] }
  /** The process of the scheduler is near the end of its heap, or is not any more: it has been measured. */
  | { type: "memory"; isExhausted: boolean }
  /** The wall clock was set, or the clock of the core stood still while the machine slept. */
  | { type: "wall-clock"; at: number }
  | { type: "clock" };

/**
 * Changes `state` by one event and returns what has to be done.
 *
 * @param now milliseconds since 1970; never earlier than in the step before
 * @param pulse called about every millisecond of a long step, for what cannot wait until its end
 */
export function step(state: State, now: number, event: Event, pulse?: () => void): Effect[] {
  const effects = new Effects(pulse);
  const context = { state, now, effects };
  switch (event.type) {
    case "client-messages":
      client.receive(context, event.from, event.messages);
      break;
    case "client-refused":
      client.receive(context, event.from, event.messages, event.why);
      break;
    case "worker-messages":
      receiveFromWorker(context, event.from, event.messages);
      break;
    case "holder-lacks":
      receiveHolderLacks(context, event);
      break;
    case "memory":
      state.ledger.isExhausted = event.isExhausted;
      break;
    case "clock":
      clock(context);
      break;
    case "wall-clock":
      // In whole milliseconds, so that `nextWakeUp` and the moments agree to the last bit.
      state.wallAheadMs = Math.round(event.at - now);
      clock(context);
      break;
    case "client-joins":
      client.join(context, event.id, event.name, event.right);
      break;
    case "client-away":
      client.away(context, event.id, event.isSilent ?? false);
      break;
    case "client-back":
      client.back(context, event.id);
      break;
    case "client-leaves":
      client.leave(context, event.id);
      break;
    case "worker-joins":
      worker.join(context, event.id, event);
      break;
    case "worker-away":
      worker.away(context, event.id);
      break;
    case "worker-back":
      worker.back(context, event.id);
      break;
    case "worker-lost":
      worker.lose(context, event.id, event.how);
      break;
    case "worker-ended":
      receiveEnded(context, event);
      break;
    case "step-ended":
      worker.loseStep(context, event.step);
      break;
    case "no-worker-coming":
      giveUpWorkers(context, event.why);
      break;
    case "time-limit":
      startEnding(context, event.limit, event.leftMs);
      break;
    case "moments":
      receiveMoments(context, event.at, event.of);
      break;
    default:
      event satisfies never;
  }
  do {
    endSubTasks(context);
    hurryAll(context);
    failUnstarted(context);
    place(context);
    startUnschedulableTimeouts(context);
    awaitWorkers(context);
    advanceRetirements(context);
    advanceScatters(context);
    reviewMemory(context);
  } while (advanceBacklogs(context));
  effects.end();
  return effects.take();
}

/** When the next `clock` event is due; undefined when there is no timer. */
export function nextWakeUp(state: State): number | undefined {
  const { timers, wallTimers, wallAheadMs } = state;
  if (wallTimers.nextAt === undefined) return timers.nextAt;
  return Math.min(timers.nextAt ?? Infinity, wallTimers.nextAt - wallAheadMs);
}
