// Operations on the locks, semaphores, events, queues and variables of a scheduler. Whoever stops
// waiting gives back what may be on its way to him.

import { decode } from "../../src/payload/payload.ts";
import { limits as bounds } from "../../src/wire/limits.ts";
import type { ParametersOf, ResultOf } from "../../src/wire/requests.ts";
import { encodeFor, Future } from "../future.ts";
import { checkedNames } from "../option-checks.ts";
import type { PendingRequest, Waiting } from "../requests.ts";
import type { Session } from "../session.ts";
import type { WaitLimits } from "../watch.ts";

/** An operation on one thing. */
export type Operation = Omit<ParametersOf<"coordinate">, "wait">;
/** What came of an operation that was done. */
export type Outcome = ResultOf<"coordinate">;

/**
 * Waits until an operation is done.
 *
 * @throws what the scheduler refused it with
 * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
 * @throws {ConnectionError} when the client is closed, or has lost its scheduler
 */
export function coordinate<Value>(
  session: Session,
  operation: Operation,
  waiting: Omit<Waiting<Outcome, Value>, "giveUp">,
): Promise<Value> {
  // With no time at all the scheduler is to say at once that it has to wait: an answer takes its time.
  const now = waiting.timeoutMs === 0 ? { wait: false as const } : {};
  return session.request(
    "coordinate",
    { ...operation, ...now },
    {
      ...waiting,
      giveUp: (id) => session.tellIds("give-back", id),
      read: (outcome, request: PendingRequest) => {
        if (outcome.withdrawn) throw request.whyNotDone;
        return waiting.read(outcome, request);
      },
    },
  );
}

/** @throws {TypeError} naming an option that there is not */
export function checkedLimits(limits: WaitLimits, of: string): WaitLimits {
  return checkedNames(limits, ["timeoutMs", "signal"], of);
}

/** An operation that never waits. */
export function coordinateAtOnce<Value>(
  session: Session,
  operation: Operation,
  read: (outcome: Outcome) => Value,
): Promise<Value> {
  return coordinate(session, operation, { read });
}

/** The payload and the futures of a value that is put or set. */
export function encodedItem(
  session: Session,
  value: unknown,
  where: string,
): Pick<Operation, "value" | "inputs"> {
  const { payload, inputs } = encodeFor(session, value, where);
  return inputs.length === 0 ? { value: payload } : { value: payload, inputs: [...inputs] };
}

/** The values in an answer; this client holds the futures in them from now on. */
export function receivedItems(
  session: Session,
  { items = [], inputs = [] }: Outcome,
  { id }: PendingRequest,
): unknown[] {
  try {
    return items.map((item, index) => {
      const states = session.adopt(inputs[index] ?? [], undefined);
      return decode(
        item,
        states.map((state) => new Future(state)),
      );
    });
  } finally {
    session.tellIds("took", id);
  }
}

/** @throws {TypeError} */
export function checkedName(name: unknown, kind: string): string {
  if (typeof name !== "string") {
    throw new TypeError(`give the ${kind} a name, as a string, not ${typeof name}`);
  }
  if (name.length > 0 && name.length <= bounds.nameLength) return name;
  throw new TypeError(
    `the name of a ${kind} has 1 to ${bounds.nameLength} characters, not ${name.length}`,
  );
}

/** @throws {TypeError} @throws {RangeError} */
export function checkedNumber(value: unknown, name: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a number, not ${typeof value}`);
  }
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`${name} must be a whole number from 1, not ${value}`);
}
