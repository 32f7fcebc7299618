// Whatever the clocks do, however late they are looked at, and whoever goes on in between: no moment has two tasks, and
// each is run or left out as a plain model of the rules says.

import fc from "fast-check";
import { expect, test } from "vitest";
import { freeze } from "../../../../scheduler/core/snapshot/freeze.ts";
import { thaw } from "../../../../scheduler/core/snapshot/thaw.ts";
import { outside } from "../../../../scheduler/replica.ts";
import { startAgain } from "../../../../scheduler/core/start-again.ts";
import type { State } from "../../../../scheduler/core/state.ts";
import type { CatchUp, Overlap } from "../../../../src/wire/schedules.ts";
import { tellMoments } from "./random.ts";
import { day, keyAt, minute, ScheduleStage } from "./stage.ts";

const numRuns = Number(process.env["CORE_RUNS"] ?? 300);
const everyMs = 1_000;
const dayMs = 24 * 60 * minute;

const acts = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.nat(3_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("stand-still"), ms: fc.nat(90_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("set-clock"),
      ms: fc.oneof(fc.integer({ min: -90_000, max: 90_000 }), fc.constant(-2 * dayMs)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("end"), ms: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("go-on"), ms: fc.constant(0) }) },
);

/** What should come of moments, in the words of the documentation. */
class Model {
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
  seenAt: number;
  running: string | undefined;
  queued: number[] = [];
  ran: string[] = [];
  skipped = 0;

  constructor(seenAt: number, catchUp: CatchUp, overlap: Overlap) {
    this.seenAt = seenAt;
    this.catchUp = catchUp;
    this.overlap = overlap;
  }

  /** @param firstAt a moment, from which all others are known */
  look(at: number, firstAt: number): void {
    if (this.seenAt - at > dayMs) this.seenAt = at;
    const due: number[] = [];
    const firstDue = firstAt + Math.ceil((this.seenAt + 0.5 - firstAt) / everyMs) * everyMs;
    for (let moment = firstDue; moment <= at; moment += everyMs) due.push(moment);
    this.seenAt = Math.max(this.seenAt, at);
    const isMissed = (moment: number) => at - moment > minute;
    const [missed, onTime] = [due.filter(isMissed), due.filter((each) => !isMissed(each))];
    let caughtUp = this.catchUp === "all" ? missed : missed.slice(-1);
    if (this.catchUp === "none") caughtUp = [];
    this.skipped += missed.length - caughtUp.length;
    if (this.catchUp === "all" && this.overlap === "skip") {
      this.queued.push(...caughtUp);
      caughtUp = [];
      this.#goOn();
    }
    const now = [...caughtUp, ...onTime];
    for (const [index, moment] of now.entries()) {
      const isLeftOut =
        (this.overlap === "skip" && (this.running !== undefined || this.queued.length > 0)) ||
        (this.overlap === "replace" && index < now.length - 1);
      if (isLeftOut) this.skipped++;
      else this.#run(moment);
    }
  }

  end(): void {
    this.running = undefined;
    this.#goOn();
  }

  #goOn(): void {
    if (this.running === undefined && this.queued.length > 0) this.#run(this.queued.shift()!);
  }

  #run(moment: number): void {
    this.running = keyAt("s", moment);
    this.ran.push(this.running);
  }
}

test.each([{ cron: "each second" }, { everyMs }])(
  "no moment has two tasks, and each is run or left out as the rules say: %j",
  { timeout: 30_000 + 100 * numRuns },
  (timing) => {
    fc.assert(
      fc.property(
        fc.array(acts, { maxLength: 40, size: "max" }),
        fc.constantFrom<CatchUp>("one", "all", "none"),
        fc.constantFrom<Overlap>("skip", "allow", "replace"),
        (run, catchUp, overlap) => {
          const stage = new ScheduleStage();
          const { story } = stage;
          const isCron = "cron" in timing;
          let wallAheadMs = 5 * dayMs;
          /** The clock is looked at, and the core hears of it. */
          const look = () => {
            const world = { now: story.now, wallAheadMs, state: story.state, handle: tell };
            if (isCron) tellMoments(world, everyMs, 1_000);
            else story.at(story.now);
            model.look(isCron ? story.now + wallAheadMs : story.now, day);
          };
          const tell = (event: Parameters<typeof story.handle>[0]) => void story.handle(event);
          const model = new Model(isCron ? day + wallAheadMs : day, catchUp, overlap);
          stage.make("s", { ...timing, catchUp, overlap });
          look();
          for (const { do: what, ms } of run) {
            if (what === "pass" || what === "stand-still") {
              story.now += ms;
              // The clock is looked at when it was set, and each time that some moments have come.
              look();
            } else if (what === "set-clock") {
              wallAheadMs += ms;
              look();
            } else if (what === "end") {
              if (model.running === undefined) continue;
              stage.ann.cancel([model.running], { force: true });
              model.end();
            } else {
              const thawed = thaw(freeze(story.state, outside), outside) as State;
              startAgain(thawed, thawed.options);
              Object.assign(story, { state: thawed });
            }
            const { runs, skipped, lastKey } = stage.get("s");
            expect([runs, lastKey]).toEqual([model.ran.length, model.ran.at(-1)]);
            expect(skipped).toBe(model.skipped);
          }
          expect(new Set(model.ran).size).toBe(model.ran.length);
        },
      ),
      { numRuns },
    );
  },
);
