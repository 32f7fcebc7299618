// Stories of schedules: how they are made, replaced and removed, and what comes of their moments.

import { describe, expect, test } from "vitest";
import { useOf } from "../../../../scheduler/core/idle.ts";
import { startAgain } from "../../../../scheduler/core/start-again.ts";
import { cancel } from "../story.ts";
import { day, hour, keyAt, minute, ScheduleStage } from "./stage.ts";

const answer = (result: unknown) => [{ type: "answer", id: 1, to: "schedule", result }];
const refusal = (code: string, message: unknown) => [
  { type: "answer", id: 1, failure: { code, message } },
];
const refusedWith = (message: unknown) => ({ ann: refusal("schedule-refused", message) });

describe("an interval", () => {
  test("submits a task each time it is over, without drift, and nobody has to hold it", () => {
    const stage = new ScheduleStage();
    const { story, ann } = stage;
    const info = {
      ...{ name: "beat", function: "f", everyMs: hour, catchUp: "one", overlap: "skip" },
      ...{ nextAt: day + hour, runs: 0, skipped: 0, by: "ann", createdAt: day },
    };
    expect(stage.make("beat")).toEqual({
      ann: answer(info),
      log: ['schedule "beat" is made by client ann'],
    });
    ann.leave();
    const w1 = story.worker("w1");
    w1.join();
    expect(story.nextWakeUp).toBe(day + hour);
    const key = keyAt("beat", day + hour);
    expect(story.at(day + hour + 30)).toMatchObject({ w1: [{ type: "run", keys: [key] }] });
    w1.finish(key);
    expect(stage.keys).toEqual([]);
    story.at(day + 2 * hour + 70);
    expect(stage.keys).toEqual([keyAt("beat", day + 2 * hour)]);
    expect(story.client("ann").ask("schedules", {})).toEqual([
      {
        ...info,
        ...{ nextAt: day + 3 * hour, lastAt: day + 2 * hour + 70, runs: 2 },
        lastKey: keyAt("beat", day + 2 * hour),
      },
    ]);
  });

  test("that was over while no scheduler was there runs as its schedule says", () => {
    const stage = new ScheduleStage();
    const late = day + 5 * hour + 2 * minute;
    for (const catchUp of ["one", "all", "none"] as const) {
      stage.make(catchUp, { catchUp, overlap: "allow" });
    }
    stage.make("prompt", { overlap: "allow", catchUp: "none" });
    stage.story.at(late);
    const keysOf = (name: string) => stage.keys.filter((key) => key.startsWith(`${name}@`));
    expect(keysOf("one")).toEqual([keyAt("one", day + 5 * hour)]);
    expect(keysOf("all")).toEqual([1, 2, 3, 4, 5].map((n) => keyAt("all", day + n * hour)));
    expect(keysOf("none")).toEqual([]);
    expect(stage.get("one")).toMatchObject({ runs: 1, skipped: 4, nextAt: day + 6 * hour });
    expect(stage.get("none")).toMatchObject({ runs: 0, skipped: 5 });
    // Up to a minute is only a little late.
    stage.story.at(day + 6 * hour + minute);
    expect(keysOf("none")).toEqual([keyAt("none", day + 6 * hour)]);
  });

  test("of which all are caught up runs the newest thousand, and says so", () => {
    const stage = new ScheduleStage();
    stage.make("beat", { everyMs: 1_000, catchUp: "all", overlap: "allow" });
    expect(stage.story.at(day + hour)).toEqual({
      log: ['schedule "beat" missed more than 1000 moments: the newest run'],
    });
    expect(stage.keys).toHaveLength(1_000);
    expect(stage.keys[0]).toBe(keyAt("beat", day + hour - 999_000));
    expect(stage.get("beat")).toMatchObject({ runs: 1_000, skipped: 2_600 });
  });
});

describe("a moment that comes while the run before goes on", () => {
  const first = keyAt("beat", day + hour);
  const second = keyAt("beat", day + 2 * hour);

  function running(overlap: "skip" | "allow" | "replace") {
    const stage = new ScheduleStage();
    const w1 = stage.story.worker("w1", { slots: 2 });
    w1.join();
    stage.make("beat", { overlap });
    stage.story.at(day + hour);
    return { stage, w1, done: stage.story.at(day + 2 * hour) };
  }

  test("is left out, and counted, until that run has ended", () => {
    const { stage, w1, done } = running("skip");
    expect(done).toEqual({});
    expect(stage.get("beat")).toMatchObject({ runs: 1, skipped: 1, lastKey: first });
    w1.finish(first);
    expect(stage.story.at(day + 3 * hour)).toMatchObject({
      w1: [{ type: "run", keys: [keyAt("beat", day + 3 * hour)] }],
    });
  });

  test("runs beside it if it may", () => {
    const { stage, done } = running("allow");
    expect(done).toMatchObject({ w1: [{ type: "run", keys: [second] }] });
    expect(stage.keys).toEqual([first, second]);
  });

  test("takes its place, for whoever holds it too", () => {
    const { stage, done } = running("replace");
    const why = 'the next run of schedule "beat" has begun';
    expect(done["w1"]).toEqual([cancel(first, why), expect.objectContaining({ keys: [second] })]);
    expect(stage.keys).toEqual([second]);
  });

  test("is left out after the same name was given anew, too", () => {
    const { stage } = running("skip");
    stage.make("beat", { everyMs: 2 * hour });
    stage.story.at(day + 4 * hour);
    expect(stage.get("beat")).toMatchObject({ runs: 0, skipped: 1, lastKey: first });
  });
});

test("missed moments that all run do so one after another, and others wait for none of them", () => {
  const stage = new ScheduleStage();
  const w1 = stage.story.worker("w1", { slots: 2 });
  stage.make("beat", { catchUp: "all" });
  stage.story.at(day + 3 * hour + 2 * minute);
  w1.join();
  const key = (n: number) => keyAt("beat", day + n * hour);
  expect(stage.keys).toEqual([key(1)]);
  expect(w1.finish(key(1))).toMatchObject({ w1: [{ type: "run", keys: [key(2)] }] });
  // It comes in its time, and is behind.
  stage.story.at(day + 4 * hour);
  w1.finish(key(2));
  expect(stage.keys).toEqual([key(3)]);
  w1.fail(key(3));
  expect(stage.keys).toEqual([]);
  expect(stage.get("beat")).toMatchObject({ runs: 3, skipped: 1 });
});

describe("a cron expression", () => {
  test("is answered when its first moment is known, and runs as the shell tells", () => {
    const stage = new ScheduleStage();
    expect(stage.make("nightly", { cron: "0 3 * * *" })).toEqual({});
    expect(stage.list()).toEqual([]);
    expect(stage.tell([], { next: day + hour })).toMatchObject({
      ann: answer({ cron: "0 3 * * *", timezone: "UTC", nextAt: day + hour }),
    });
    expect(stage.story.nextWakeUp).toBeUndefined();
    stage.tell([day + hour], { at: day + hour + 3, next: day + 2 * hour });
    expect(stage.keys).toEqual([keyAt("nightly", day + hour)]);
    expect(stage.get("nightly")).toMatchObject({ nextAt: day + 2 * hour, runs: 1 });
  });

  test("that means nothing or never comes is refused, and leaves the one before", () => {
    const stage = new ScheduleStage();
    stage.make("beat");
    stage.make("beat", { cron: "61 * * * *" });
    expect(stage.tell([], { wrong: "what is 61?" })).toEqual(refusedWith("what is 61?"));
    stage.make("beat", { cron: "0 0 31 2 *" });
    expect(stage.tell([])).toEqual(refusedWith('"0 0 31 2 *" never comes'));
    expect(stage.get("beat")).toMatchObject({ everyMs: hour });
    expect(stage.story.state.schedules.crons.size).toBe(0);
  });

  test("has no moment twice: when it is told again, or when the clock is set back", () => {
    const stage = new ScheduleStage();
    stage.makeCron("nightly", day + hour, { overlap: "allow" });
    stage.tell([day + hour], { at: day + hour, next: day + 2 * hour });
    stage.tell([day + hour], { at: day + hour, next: day + 2 * hour });
    // The clock is set back by half an hour, the name is given anew, and the moment comes again.
    stage.makeCron("nightly", day + hour, { overlap: "allow", function: "g" });
    stage.tell([day + hour], { at: day + hour, next: day + 2 * hour });
    expect(stage.keys).toEqual([keyAt("nightly", day + hour)]);
    stage.tell([day + 2 * hour], { at: day + 2 * hour, next: day + 3 * hour });
    expect(stage.keys).toHaveLength(2);
  });

  test("goes on by the new time when the clock was wrong by more than a day", () => {
    const stage = new ScheduleStage();
    stage.makeCron("nightly", day + hour, { overlap: "allow" });
    const wrong = day + 1_000 * 24 * hour;
    stage.tell([wrong], { at: wrong, next: wrong + hour });
    expect(stage.tell([], { at: day, next: day + hour })).toEqual({
      log: ['schedule "nightly" goes on by a clock that was set back by more than a day'],
    });
    stage.tell([day + hour], { at: day + hour, next: day + 2 * hour });
    expect(stage.keys).toEqual([keyAt("nightly", wrong), keyAt("nightly", day + hour)]);
  });

  test("is caught up by how late its moments are on the clock of the machine", () => {
    const stage = new ScheduleStage();
    stage.makeCron("nightly", day + hour, { overlap: "allow" });
    const due = [1, 2, 3].map((n) => day + n * hour);
    stage.tell(due, { at: day + 3 * hour + minute, next: day + 4 * hour });
    expect(stage.keys).toEqual([keyAt("nightly", due[1]!), keyAt("nightly", due[2]!)]);
    expect(stage.get("nightly")).toMatchObject({ runs: 2, skipped: 1 });
  });

  test("that is unscheduled before it was understood is refused", () => {
    const stage = new ScheduleStage();
    stage.make("nightly", { cron: "0 3 * * *" });
    expect(stage.unschedule("nightly")).toEqual({
      ann: [
        ...refusal("schedule-refused", '"nightly" was unscheduled meanwhile'),
        { type: "answer", id: 1, to: "unschedule", result: null },
      ],
    });
    expect(stage.story.state.schedules.crons.size).toBe(0);
  });
});

describe("the same name again", () => {
  test("leaves the very same schedule as it is, with its next moment", () => {
    const stage = new ScheduleStage();
    stage.make("beat");
    stage.story.at(day + 10 * minute);
    stage.make("beat");
    expect(stage.get("beat")).toMatchObject({ nextAt: day + hour, createdAt: day });
    expect(stage.story.state.timers.size).toBe(1);
  });

  test.each<[string, object]>([
    ["function", { function: "g" }],
    ["arguments", { value: "[2]" }],
    ["interval", { everyMs: 2 * hour }],
    ["overlap", { overlap: "allow" }],
    ["catching up", { catchUp: "all" }],
    ["options", { options: { priority: 1 } }],
  ])("replaces one with another %s", (_, other) => {
    const stage = new ScheduleStage();
    stage.make("beat");
    stage.story.at(day + 10 * minute);
    stage.make("beat", other);
    expect(stage.list()).toHaveLength(1);
    expect(stage.get("beat").createdAt).toBe(day + 10 * minute);
    stage.story.at(day + hour);
    expect(stage.keys).toEqual([]);
  });
});

test("a schedule keeps the futures in its arguments, and lets go of them with its name", () => {
  const stage = new ScheduleStage();
  const { story, ann } = stage;
  ann.submit("f", ["a", "b"]);
  stage.make("beat", { inputs: ["a"] });
  expect(ann.explain("a").wantedBy).toEqual(["ann", 'schedule "beat"']);
  ann.release("a");
  story.at(day + hour);
  expect(ann.explain(keyAt("beat", day + hour)).missingInputs).toEqual(["a"]);
  const w1 = story.worker("w1", { slots: 9 });
  w1.join();
  w1.finish(["a", "b"]);
  w1.finish(keyAt("beat", day + hour));
  expect(stage.keys).toEqual(["a", "b"]);
  stage.make("beat", { inputs: ["b"] });
  expect(stage.keys).toEqual(["b"]);
  ann.release("b");
  stage.unschedule("beat");
  expect(stage.keys).toEqual([]);
  expect(stage.make("beat", { inputs: ["a"] })).toMatchObject({
    ann: [{ failure: { code: "lost-data", message: expect.stringContaining("the future a") } }],
  });
});

test("its tasks have the options of the schedule, and say whose they are when they fail", () => {
  const stage = new ScheduleStage();
  stage.make("beat", { options: { priority: 3, delayMs: minute, run: { timeoutMs: 5 } } });
  stage.story.at(day + hour);
  const key = keyAt("beat", day + hour);
  const explained = stage.ann.explain(key);
  expect(explained).toMatchObject({ state: "waiting", wantedBy: ['schedule "beat"'] });
  expect(explained.history[0]).toMatchObject({ to: "waiting", why: 'schedule "beat"' });
  const w1 = stage.story.worker("w1");
  w1.join();
  expect(stage.story.at(day + hour + minute)).toMatchObject({
    w1: [{ type: "run", keys: [key], priority: 3, options: { timeoutMs: 5 } }],
  });
  expect(w1.fail(key)).toMatchObject({
    log: [`a task failed that nobody waits for: ${key} threw`],
  });
});

test("a name that nothing has is refused with the nearest there are", () => {
  const stage = new ScheduleStage();
  stage.make("nightly");
  const words = 'nothing is scheduled as "nightley"; there is "nightly"';
  expect(stage.unschedule("nightley")).toEqual({ ann: refusal("lost-data", words) });
});

test("what contradicts itself, or is one too many, is refused", () => {
  const stage = new ScheduleStage();
  stage.story.isChecked = false;
  const one = "give cron or everyMs: one of them";
  expect(stage.make("a", { cron: "@daily", everyMs: hour })).toEqual(refusedWith(one));
  expect(stage.make("a", { timezone: "UTC", everyMs: hour })).toEqual(
    refusedWith("timezone needs cron"),
  );
  for (let index = 0; index < 10_000; index++) stage.make(`s${index}`);
  expect(stage.make("more")).toEqual(refusedWith(expect.stringContaining("10000 schedules")));
  stage.make("s7", { everyMs: 2 * hour });
  expect(stage.get("s7")).toMatchObject({ everyMs: 2 * hour });
});

test("a key that somebody has taken is left out, and said", () => {
  const stage = new ScheduleStage();
  stage.make("beat");
  const key = keyAt("beat", day + hour);
  stage.ann.submit("f", [key]);
  expect(stage.story.at(day + hour)).toEqual({
    log: [`a moment of schedule "beat" is left out: a task has its key ${key}`],
  });
  expect(stage.get("beat")).toMatchObject({ runs: 0, skipped: 1 });
});

test("schedules outlive a restart of everything, and keep a scheduler from being idle", () => {
  const stage = new ScheduleStage();
  stage.make("beat");
  stage.story.at(day + hour);
  stage.ann.restart();
  expect(stage.keys).toEqual([]);
  stage.ann.leave();
  expect(useOf(stage.story.state)).toEqual({ keeps: "schedule beat" });
  stage.story.at(day + 2 * hour);
  expect(stage.keys).toEqual([keyAt("beat", day + 2 * hour)]);
});

test("near the time limit nothing is submitted; the scheduler that goes on catches up", () => {
  const stage = new ScheduleStage();
  const { story } = stage;
  stage.make("beat", { catchUp: "all" });
  stage.make("other", { overlap: "allow" });
  stage.makeCron("nightly", day + hour);
  story.handle({ type: "time-limit", limit: "the time limit", leftMs: hour });
  story.at(day + 2 * hour + 2 * minute);
  expect(stage.keys).toEqual([]);
  expect(stage.get("beat")).toMatchObject({ runs: 0, skipped: 0, nextAt: day + hour });

  startAgain(story.state, story.state.options);
  story.at(day + 2 * hour + 3 * minute);
  expect(stage.keys).toEqual([keyAt("beat", day + hour), keyAt("other", day + 2 * hour)]);
  expect(stage.get("nightly")).toMatchObject({ nextAt: day + hour });
});
