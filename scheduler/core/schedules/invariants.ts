// What must hold of schedules between two steps.

import { assert } from "../assert.ts";
import { retentionsOf } from "../clients/retention.ts";
import type { State } from "../state.ts";
import { mayStart } from "../time-limit.ts";
import { runOf } from "./runs.ts";
import { mostDue, mostSchedules, type Schedule } from "./schedules.ts";

export function checkSchedules(state: State): void {
  const { all, pending, crons, behind } = state.schedules;
  const say = (schedule: Schedule, words: string) => () => `${schedule.client.name}: ${words}`;
  assert(all.size <= mostSchedules, () => `there are ${all.size} schedules`);
  for (const [name, schedule] of all) {
    assert(schedule.name === name && !schedule.gone, say(schedule, "is filed under another name"));
    assert(!pending.has(schedule), say(schedule, "is filed, and pending"));
    const { everyMs, nextAt, backlog, skipped, runs } = schedule;
    assert(everyMs === undefined || nextAt !== undefined, say(schedule, "has no next moment"));
    assert(backlog.length <= mostDue, say(schedule, "has too long a backlog"));
    assert(behind.has(schedule) === backlog.length > 0, say(schedule, "is wrongly behind"));
    assert(skipped >= 0 && runs >= 0, say(schedule, "counts less than nothing"));
    const hasRoom = mayStart(state) && state.ledger.level !== "full";
    const couldRun = backlog.length > 0 && runOf(state, schedule) === undefined && hasRoom;
    assert(!couldRun, say(schedule, "does not run what it missed"));
  }
  for (const schedule of [...all.values(), ...pending.keys()]) {
    const isCron = schedule.cron !== undefined;
    assert(isCron !== (schedule.everyMs !== undefined), say(schedule, "has two timings, or none"));
    assert((crons.get(schedule.number) === schedule) === isCron, say(schedule, "is not looked at"));
    for (const task of schedule.retention.tasks) {
      const isRetained = retentionsOf(state, task).includes(schedule.retention);
      assert(isRetained, say(schedule, `does not retain ${task.key}`));
    }
    for (const spec of schedule.client.specs.values()) {
      assert(spec.tasks.size > 0, say(schedule, "has a spec without tasks"));
    }
  }
  for (const schedule of crons.values()) {
    assert(!schedule.gone, say(schedule, "is gone, and looked at"));
  }
  for (const { gone } of behind) assert(!gone, () => "a schedule is gone, and behind");
}
