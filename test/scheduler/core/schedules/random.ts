// Schedules among everything else that may happen: the shell looks at the clock of the machine, which is set back
// and forward, and tells of the moments of cron expressions. Each full 20 ms is one.

import { wasWrong } from "../../../../scheduler/core/schedules/schedules.ts";
import type { CronMoments } from "../../../../scheduler/core/schedules/moments.ts";
import type { World } from "../world.ts";

export const scheduleNames = ["nightly", "beat", "report"];

const everyMs = 20;
/** Of those that have come, as many are told. */
const most = 50;

export function tellMoments(world: World): void {
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
