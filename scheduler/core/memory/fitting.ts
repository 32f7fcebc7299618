// How much is kept of what is said and cannot be refused, as the failures of tasks, while memory is short.

import { briefFailure, cut } from "../../../src/errors/brief-failure.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import type { State } from "../state.ts";

/** Characters of a message, and of a stack, at each level. */
const room = { tight: { message: 1_000, stack: 1_000 }, full: { message: 150, stack: 0 } } as const;

/** As much of a text as there is room for now. */
export function fittingText({ ledger: { level } }: State, text: string): string {
  return level === "ample" ? text : cut(text, room[level].message);
}

/** As much of a failure as there is room for now. */
export function fitting({ ledger: { level } }: State, failure: Failure): Failure {
  return level === "ample" ? failure : briefFailure(failure, room[level]);
}

/**
 * As much of the reason of a cancellation as there is room for now: cancelling is not refused, since it lets go of
 * something. Of one that is given again and again only one text is kept.
 */
export function fittingReason(state: State, reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined;
  const kept = fittingText(state, reason);
  return state.ledger.reasons.get(kept)?.text ?? kept;
}
