// A stage for stories of schedules: a client that makes them, and what a shell would tell of the moments of
// cron expressions, which nobody reads here.

import { nearestNames } from "../../../../src/nearest.ts";
import type { CronMoments } from "../../../../scheduler/core/schedules/moments.ts";
import type { FromClient } from "../../../../src/wire/protocol.ts";
import type { ParametersOf } from "../../../../src/wire/requests.ts";
import type { ScheduleInfo } from "../../../../src/wire/schedules.ts";
import { argsOf, Story, type Done, type StoryClient } from "../story.ts";

export type Options = Partial<ParametersOf<"schedule">>;

/** When these stories begin, by the clock of the core and by that of the machine. */
export const day = Date.parse("2027-03-01T00:00:00Z");
export const minute = 60_000;
export const hour = 60 * minute;

export class ScheduleStage {
  readonly story = new Story({ nearestNames });
  readonly ann: StoryClient;

  constructor() {
    this.story.now = day;
    this.ann = this.story.client("ann");
  }

  /** A schedule of `f`, every hour unless said otherwise. */
  make(name: string, options: Options = {}): Done {
    const when =
      options.cron === undefined && options.everyMs === undefined ? { everyMs: hour } : {};
    return this.say({
      type: "schedule",
      id: 1,
      name,
      function: "f",
      value: argsOf(name),
      catchUp: "one",
      overlap: "skip",
      ...when,
      ...options,
    });
  }

  /** One by a cron expression, whose first moment the shell finds. */
  makeCron(name: string, next: number, options: Options = {}): Done {
    this.make(name, { cron: "0 * * * *", ...options });
    return this.tell([], { next, name });
  }

  unschedule(name: string): Done {
    return this.say({ type: "unschedule", id: 1, name });
  }

  list(): ScheduleInfo[] {
    return this.ann.ask("schedules", {});
  }

  get(name: string): ScheduleInfo {
    return this.list().find((each) => each.name === name)!;
  }

  /** The clock of the machine says `at`, and these moments of the newest cron schedule have come. */
  tell(due: number[], how: { at?: number; name?: string } & Partial<CronMoments> = {}): Done {
    const { at = this.story.now, name, ...found } = how;
    const crons = [...this.story.state.schedules.crons.values()];
    const { number } = crons.findLast((each) => name === undefined || each.name === name)!;
    return this.story.handle({
      type: "moments",
      at,
      of: [{ schedule: number, due, ...found }],
    });
  }

  say(message: FromClient): Done {
    return this.story.handle({ type: "client-messages", from: "ann", messages: [message] });
  }

  /** The keys of the tasks that there are. */
  get keys(): string[] {
    return [...this.story.state.tasks.values()].map(({ key }) => key);
  }
}

export function keyAt(name: string, moment: number): string {
  return `${name}@${new Date(moment).toISOString()}`;
}
