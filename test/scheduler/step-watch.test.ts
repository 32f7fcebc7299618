// The watch over the steps of a batch job, with a batch system and a core that the test decides about.

import { expect, test, vi } from "vitest";
import { StepWatch, watchSteps } from "../../scheduler/step-watch.ts";
import type { Event } from "../../scheduler/core/step.ts";
import { silentLog } from "../../src/log.ts";
import type { JobStep } from "../../src/wire/lifetimes.ts";

const stepOf = (step: string, id = "12"): JobStep => ({ system: "slurm", id, step });

function stage() {
  const world = {
    running: new Set<string>(),
    away: [] as JobStep[],
    missed: undefined as JobStep[] | undefined,
    asked: 0,
    events: [] as Event[],
    fails: false,
  };
  const steps = {
    job: "12",
    running: async () => {
      world.asked++;
      if (world.fails) throw new Error("no squeue");
      return new Set(world.running);
    },
  };
  const clockwork = {
    awaySteps: () => world.away,
    missedSteps: () => world.missed,
    handle: (event: Event) => void world.events.push(event),
  };
  const watch = new StepWatch(steps, clockwork);
  const looks = async (times = 1) => {
    for (let time = 0; time < times; time++) await watch.look();
  };
  return { world, looks, steps, clockwork };
}

test("asks nothing while there are workers, or nobody waits for one", async () => {
  const { world, looks } = stage();
  await looks(10);
  expect(world.asked).toBe(0);
});

test("no worker is coming when the steps of all have ended at two looks", async () => {
  const { world, looks } = stage();
  world.missed = [stepOf("0"), stepOf("1"), stepOf("0")];
  world.running = new Set(["1", "2"]);
  await looks(3);
  expect(world.events).toEqual([]);
  world.running = new Set(["2"]);
  await looks(1);
  expect(world.events).toEqual([]);
  await looks(1);
  const why = "steps 0, 1 of job 12, where workers ran, have ended";
  expect(world.events).toEqual([{ type: "no-worker-coming", why }]);
});

test("a step that has just begun may be one of workers, and so may what ran elsewhere", async () => {
  const { world, looks } = stage();
  world.missed = [stepOf("0")];
  await looks(1);
  world.running = new Set(["3"]);
  await looks(1);
  expect(world.events).toEqual([]);
  world.missed = [stepOf("0"), stepOf("0", "99")];
  await looks(5);
  expect(world.events).toEqual([]);
});

test("a worker that joins between two looks begins the wait anew", async () => {
  const { world, looks } = stage();
  world.missed = [stepOf("0")];
  await looks(1);
  world.missed = undefined;
  await looks(1);
  world.missed = [stepOf("0")];
  await looks(1);
  expect(world.events).toEqual([]);
});

test("a worker whose link is down is lost with its step, at the first look", async () => {
  const { world, looks } = stage();
  world.away = [stepOf("0"), stepOf("1"), stepOf("7", "99")];
  world.running = new Set(["1"]);
  await looks(1);
  expect(world.events).toEqual([{ type: "step-ended", step: stepOf("0") }]);
});

test("says once that the batch system does not answer, and asks again", async () => {
  const { world, steps, clockwork } = stage();
  world.missed = [stepOf("0")];
  world.fails = true;
  const warnings: string[] = [];
  const log = { ...silentLog, warning: (text: string) => void warnings.push(text) };
  const stop = watchSteps({ steps, clockwork, log, everyMs: 1 });
  await vi.waitFor(() => expect(world.asked).toBeGreaterThan(3));
  expect(warnings).toEqual(["cannot ask for the steps of this job: Error: no squeue"]);
  world.fails = false;
  await vi.waitFor(() => expect(world.events.length).toBeGreaterThan(0));
  stop();
});
