// A schedule, by an interval or by cron, whose client may go: each of its moments is dealt with once, whatever
// dies and however the clock of the machine is set.

import type { ScheduleInfo } from "../../../src/wire/schedules.ts";
import type { Stage } from "./stage.ts";

export function scheduled(stage: Stage): void {
  const { random } = stage;
  const { cluster, faults, book, time, tell } = stage.options;
  const name = "a schedule";
  const id = stage.newId();
  const isCron = random.chance(0.5);
  const everyMs = isCron ? 1_000 : 300 + random.below(900);
  const timing = isCron ? { cron: "* * * * * *" } : { everyMs };
  const overlap = random.pick(["skip", "allow", "replace"] as const);
  const catchUp = random.pick(["one", "all", "none"] as const);
  // Now and then longer than the interval, and altogether less than there is room for.
  const taskMs = random.next() * everyMs * 0.2;
  const maker = cluster.startClient("client-maker");
  let made: ScheduleInfo | undefined;

  stage.run(maker, "a schedule", async (client) => {
    await stage.sleepABit();
    const options = { ...timing, overlap, catchUp };
    made = await client.schedule(name, options, "ticks", id, taskMs);
    // The very same again, as by a program that is started again.
    const again = await client.schedule(name, options, "ticks", id, taskMs);
    const isSame = again.createdAt === made.createdAt || faults.schedulerRestarted;
    stage.expect(isSame, "the very same schedule took its own place");
    if (random.chance(0.5)) return;
    faults.closed.add(maker.scope.name);
    tell("who made the schedule is gone");
    cluster.crashClient(maker, { noticed: random.chance(0.5) });
  });

  if (random.chance(0.5)) {
    const stepMs = random.pick([-40_000, -5_000, 30_000, 80_000]);
    time.after(random.next() * stage.options.spanMs, () => {
      tell(`the clock of the machine is set by ${stepMs} ms`);
      time.wallAheadMs += stepMs;
    });
  }

  stage.cleanings.push(async (client) => {
    const found = (await client.schedules()).find((each) => each.name === name);
    if (found === undefined) {
      stage.expect(made === undefined || faults.schedulerRestarted, "a schedule is gone");
      return;
    }
    await client.unschedule(name);
    const { runs, skipped, nextAt, createdAt } = found;
    const first = made?.createdAt === createdAt ? made.nextAt! : createdAt + everyMs;
    if (!isCron || made?.createdAt === createdAt) {
      const moments = (nextAt! - first) / everyMs;
      // Those that wait for the one before have no task yet.
      const isWhole =
        catchUp === "all" && overlap === "skip"
          ? runs + skipped <= moments
          : runs + skipped === moments;
      stage.expect(isWhole, `of ${moments} moments ${runs} ran and ${skipped} were left out`);
    }
    const isBusy = async () => {
      const { waiting, ready, running } = (await client.info()).tasks;
      return waiting + ready + running > 0;
    };
    while (await isBusy()) await stage.sleep(50);
    checkTicks(found, first);
  });

  function checkTicks({ runs, nextAt }: ScheduleInfo, first: number): void {
    // What was made twice, since its scheduler was lost, was made at two times.
    if (faults.schedulerRestarted) return;
    const keys = new Set(book.ticks);
    const isRepeated = keys.size < book.ticks.length;
    stage.expect(!isRepeated || stage.mayRunAgain, "a moment ran twice");
    // Full seconds, or since the schedule was made.
    const from = isCron ? 0 : first;
    for (const key of keys) {
      const moment = Date.parse(key.slice(name.length + 1));
      // It came before the schedule was removed.
      if (moment >= nextAt!) keys.delete(key);
      const isMoment = key.startsWith(`${name}@`) && (moment - from) % everyMs === 0;
      stage.expect(isMoment, `${key} is no moment`);
    }
    const isCutShort = stage.restarted || stage.isWornOut() || overlap === "replace";
    const isRight = isCutShort ? keys.size <= runs : keys.size === runs;
    stage.expect(isRight, `${runs} moments have tasks, and ${keys.size} of these ran`);
  }
}
