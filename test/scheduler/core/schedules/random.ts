// Schedules among everything else that may happen: the shell looks at the clock of the machine, which is set back
// and forward, and tells of the moments of cron expressions, which come at full multiples of some time.

import { wasWrong } from "../../../../scheduler/core/schedules/schedules.ts";
import type { CronMoments } from "../../../../scheduler/core/schedules/moments.ts";
import type { State } from "../../../../scheduler/core/state.ts";
import type { Event } from "../../../../scheduler/core/step.ts";

export const scheduleNames = ["nightly", "beat", "report"];

type Clocks = {
  readonly now: number;
  readonly wallAheadMs: number;
  readonly state: State;
  handle(event: Event): void;
};

/** @param most of the moments that have come, as many are told */
export function tellMoments(world: Clocks, everyMs = 20, most = 50): void {
  const at = world.now + world.wallAheadMs;
  const next = (Math.floor(at / everyMs) + 1) * everyMs;
  const of: CronMoments[] = [];
  for (const [schedule, { seenAt, nextAt = 0 }] of world.state.schedules.crons) {
    if (seenAt === undefined || wasWrong(seenAt, at)) {
      of.push({ schedule, due: [], next });
    } else if (nextAt <= at) {
      const count = Math.max(0, Math.floor(at / everyMs) - Math.floor(seenAt / everyMs));
      const shown = Math.min(count, most);
      const due = Array.from({ length: shown }, (_, index) => next - (shown - index) * everyMs);
      of.push({ schedule, due, ...(count > shown && { hasMore: true }), next });
    }
  }
  if (of.length > 0) world.handle({ type: "moments", at, of });
}
