// The ledger of what the state keeps in memory. Texts live on the heap, whose bound is lower than that of the
// machine; the parts of binary payloads live outside of it. So there are two sums, and a bound on each. What
// has a size of its own is entered where it is brought and where it is let go. All else has a size for each,
// and is counted by the lengths of its tables.

import type { Failure } from "../../../src/wire/protocol.ts";
import type { Payload } from "../../../src/payload/payload.ts";
import type { Item } from "../coordination/things.ts";
import type { Published } from "../clients/published.ts";
import type { Schedule } from "../schedules/schedules.ts";
import type { State, Task, TaskState } from "../state.ts";
import { noneAllotted, type Allotment } from "./allotments.ts";
import { tableBytes } from "./fields.ts";
import {
  factsBytes,
  failureBytes,
  itemBytes,
  namesBytes,
  reasonBytes,
  scheduleBytes,
  textBytes,
} from "./sizes.ts";

export type Ledger = {
  /** Bytes of texts and of what else is entered one by one. */
  heapBytes: number;
  /** The part of these that is of each allotment; see allotments.ts. */
  readonly allotted: Record<Allotment, number>;
  /** Bytes of the parts of payloads. */
  outsideBytes: number;
  /** One failure may be that of many tasks: how many have it, and its bytes. */
  readonly failures: Map<Failure, { tasks: number; readonly bytes: number }>;
  /** The same of the reasons of cancelled tasks, which may be as long and as many. */
  readonly reasons: Map<string, { tasks: number; readonly text: string }>;
  level: Level;
  /** The process has no memory left, whatever is entered here: the shell has measured it. */
  isExhausted: boolean;
};

/** `tight`: new work is slowed down. `full`: it is refused. */
export type Level = "ample" | "tight" | "full";

const eventBytes = 1_000;

export function createLedger(): Ledger {
  const failures: Ledger["failures"] = new Map();
  const reasons: Ledger["reasons"] = new Map();
  const sums = { heapBytes: 0, outsideBytes: 0, allotted: noneAllotted() };
  return { ...sums, failures, reasons, level: "ample", isExhausted: false };
}

/** All that the state has on the heap, more or less. */
export function heapBytes(state: State): number {
  return state.ledger.heapBytes + tableBytes(state) + state.unreadEvents * eventBytes;
}

// ── What is entered ──────────────────────────────────────────────────────────────────────────────

/** Something is kept from now on; with `times` -1 it is let go. */
export function enterHeap({ ledger }: Pick<State, "ledger">, bytes: number, times = 1): void {
  ledger.heapBytes += times * bytes;
}

export function enterPayload(
  { ledger }: Pick<State, "ledger">,
  payload: Payload,
  times: 1 | -1,
): void {
  if (typeof payload === "string") ledger.heapBytes += times * (textBytes + payload.length);
  else {
    const { head, byteLength, parts } = payload;
    ledger.heapBytes += times * (textBytes + head.length + 300 * (1 + parts.length));
    ledger.outsideBytes += times * (byteLength - head.length);
  }
}

/** A task is filed or forgotten. */
export function enterTask(state: Pick<State, "ledger">, task: Task, times: 1 | -1): void {
  enterPayload(state, task.args, times);
  enterHeap(state, factsBytes(task), times);
}

export function enterPublished(
  state: Pick<State, "ledger">,
  name: string,
  { value, inputs }: Published,
  times: 1 | -1,
): void {
  enterPayload(state, value, times);
  enterHeap(state, itemBytes + name.length + namesBytes(inputs), times);
}

export function enterItem(
  state: Pick<State, "ledger">,
  { value, keys }: Pick<Item, "value" | "keys">,
  times: 1 | -1,
): void {
  enterPayload(state, value, times);
  enterHeap(state, itemBytes + namesBytes(keys), times);
}

export function enterSchedule(
  state: Pick<State, "ledger">,
  schedule: Schedule,
  times: 1 | -1,
): void {
  enterPayload(state, schedule.call.args, times);
  enterHeap(state, scheduleBytes(schedule), times);
}

/** The state of a task has changed: a failure is kept while a task has it. */
export function followFailure(
  { ledger }: Pick<State, "ledger">,
  from: TaskState,
  to: TaskState,
): void {
  if (to.at === "failed") {
    const known = ledger.failures.get(to.failure);
    if (known) known.tasks++;
    else {
      const bytes = failureBytes(to.failure);
      ledger.failures.set(to.failure, { tasks: 1, bytes });
      ledger.heapBytes += bytes;
    }
  }
  if (from.at === "failed") {
    const known = ledger.failures.get(from.failure)!;
    known.tasks--;
    if (known.tasks > 0) return;
    ledger.failures.delete(from.failure);
    ledger.heapBytes -= known.bytes;
  }
}

/** The same for the reasons of a cancelled task: that of the task, and that of its dependents. */
export function followReasons(
  { ledger }: Pick<State, "ledger">,
  from: TaskState,
  to: TaskState,
): void {
  const { reasons } = ledger;
  for (const reason of reasonsOf(to)) {
    const known = reasons.get(reason);
    if (known) known.tasks++;
    else {
      reasons.set(reason, { tasks: 1, text: reason });
      ledger.heapBytes += reasonBytes(reason);
    }
  }
  for (const reason of reasonsOf(from)) {
    const known = reasons.get(reason)!;
    known.tasks--;
    if (known.tasks > 0) continue;
    reasons.delete(reason);
    ledger.heapBytes -= reasonBytes(reason);
  }
}

function reasonsOf(state: TaskState): string[] {
  if (state.at !== "cancelled") return [];
  return [state.reason, state.passedOn].filter((reason) => reason !== undefined);
}
