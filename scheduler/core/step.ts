// The one door to the state: an event goes in, effects come out, and nothing else changes anything.
//
//   const effects = step(state, now, { type: "worker-messages", from: "w1", messages });
//
// Whoever calls it performs the effects in order and calls it again with `clock` at `nextWakeUp`.

import type { FromClient, FromWorker } from "../../src/wire/protocol.ts";
import * as client from "./clients/client-events.ts";
import { clock } from "./clock-events.ts";
import { Effects, type Effect } from "./effects.ts";
import { advanceScatters } from "./values/scattering.ts";
import { advanceRetirements } from "./workers/retiring.ts";
import { hearLacking } from "./values/recompute.ts";
import { place } from "./placement/placement.ts";
import { startUnschedulableTimeouts } from "./placement/unschedulable.ts";
import type { ClientId, State, WorkerId } from "./state.ts";
import { endSubTasks } from "./clients/sub-tasks.ts";
import * as worker from "./workers/worker-events.ts";

/** Something that happened outside. Times are milliseconds since 1970 and never go back. */
export type Event =
  | { type: "client-joins"; id: ClientId; name: string }
  | { type: "client-messages"; from: ClientId; messages: readonly FromClient[] }
  /** Its link dropped; it has the grace period to come back. */
  | { type: "client-away"; id: ClientId }
  | { type: "client-back"; id: ClientId }
  /** It closed, or broke the protocol: no grace. */
  | { type: "client-leaves"; id: ClientId }
  | ({ type: "worker-joins"; id: WorkerId } & worker.WorkerFacts)
  | { type: "worker-messages"; from: WorkerId; messages: readonly FromWorker[] }
  | { type: "worker-away"; id: WorkerId }
  | { type: "worker-back"; id: WorkerId }
  /** It is gone for good; `how` in words for the errors of the tasks it took down. */
  | { type: "worker-lost"; id: WorkerId; how: string }
  /** A worker was asked for a value that it is said to hold, and does not have it. */
  | { type: "holder-lacks"; worker: WorkerId; key: string; order: number; attempt: number }
  | { type: "clock" };

/** Changes `state` by one event at the moment `now` and returns what is to be done about it. */
export function step(state: State, now: number, event: Event): Effect[] {
  const effects = new Effects();
  const context = { state, now, effects };
  switch (event.type) {
    case "client-messages":
      client.receive(context, event.from, event.messages);
      break;
    case "worker-messages":
      worker.receive(context, event.from, event.messages);
      break;
    case "holder-lacks":
      hearLacking(context, event);
      break;
    case "clock":
      clock(context);
      break;
    case "client-joins":
      client.join(context, event.id, event.name);
      break;
    case "client-away":
      client.away(context, event.id);
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
    default:
      event satisfies never;
  }
  endSubTasks(context);
  place(context);
  startUnschedulableTimeouts(context);
  advanceRetirements(context);
  advanceScatters(context);
  return effects.take();
}

/** When a `clock` event is due next; undefined when nothing waits for a moment. */
export function nextWakeUp(state: State): number | undefined {
  return state.timers.nextAt;
}
