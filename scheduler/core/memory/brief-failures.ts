// The failures of tasks while memory is short: those of workers cannot be refused, so less is kept of each.

import { briefFailure, cut } from "../../../src/errors/brief-failure.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import type { State } from "../state.ts";

/** Characters of a message, and of a stack, at each level. */
const room = { tight: { message: 1_000, stack: 1_000 }, full: { message: 150, stack: 0 } } as const;

/** As much of a failure as there is room for now. */
export function fitting({ ledger: { level } }: State, failure: Failure): Failure {
  return level === "ample" ? failure : briefFailure(failure, room[level]);
}

/**
 * As much of the reason of a cancellation as there is room for now: cancelling is not refused, since it lets go of
 * something. Of one that is given again and again only one text is kept.
 */
export function fittingReason(
  { ledger: { level, reasons } }: State,
  reason: string | undefined,
): string | undefined {
  if (reason === undefined) return undefined;
  const fits = level === "ample" || reason.length <= room[level].message;
  const kept = fits ? reason : cut(reason, room[level].message);
  return reasons.get(kept)?.text ?? kept;
}
