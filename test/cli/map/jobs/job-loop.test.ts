// The loop of jobs, with work that ends when a test says so.

import { expect, test } from "vitest";
import { HaltRule } from "../../../../cli/map/jobs/halt.ts";
import { JobLoop, type LoopOptions } from "../../../../cli/map/jobs/job-loop.ts";
import { readHalt } from "../../../../cli/map/command-line/option-values.ts";
import type { JobOutput } from "../../../../cli/map/output/printer.ts";
import { slotWindow } from "../../../../cli/map/jobs/window.ts";
import type {
  AttemptEvents,
  Ending,
  PreparedJob,
  WaitingJob,
} from "../../../../cli/map/jobs/work.ts";

const succeeded: Ending = {
  exitCode: 0,
  signal: 0,
  startedAt: 0,
  ranMs: 1,
  host: ":",
  sentBytes: 0,
};
const failed: Ending = { ...succeeded, exitCode: 1 };

/** A loop whose jobs end when the test says so. */
class World {
  readonly story: string[] = [];
  readonly running = new Map<number, AttemptEvents>();
  readonly loop: JobLoop;
  readonly over: Promise<void>;
  #printed: (() => void)[] = [];

  constructor(count: number, options: Partial<LoopOptions> = {}, printsAtOnce = true) {
    this.loop = new JobLoop(
      (job, slot) => this.#prepare(job, slot),
      {
        window: slotWindow(() => 2),
        delay: undefined,
        timeout: undefined,
        runsOf: () => 1,
        halt: new HaltRule(readHalt("never"), () => count),
        keepOrder: false,
        ...options,
      },
      {
        started: () => output(() => this.story.push("again")),
        ended: (job, { exitCode }) => {
          this.story.push(`end ${job.seq}: ${exitCode}`);
          return printsAtOnce
            ? Promise.resolve()
            : new Promise<void>((resolve) => this.#printed.push(resolve));
        },
        say: () => undefined,
      },
    );
    this.over = this.loop.run(jobs(count));
  }

  #prepare({ seq, rows, skipped = false }: WaitingJob, slot: number): PreparedJob {
    return {
      seq,
      rows,
      slot,
      command: `job ${seq}`,
      skipped,
      start: (_output, events) => {
        this.story.push(`start ${seq} in ${slot}`);
        this.running.set(seq, events);
        return { kill: () => this.end(seq, { ...succeeded, signal: 15 }) };
      },
    };
  }

  end(seq: number, ending: Ending): void {
    const events = this.running.get(seq)!;
    this.running.delete(seq);
    events.ended(ending);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }
}

async function* jobs(count: number): AsyncGenerator<WaitingJob> {
  for (let seq = 1; seq <= count; seq++) yield { seq, rows: [[String(seq)]] };
}

function output(again: () => void): JobOutput {
  return {
    write: () => undefined,
    startAgain: again,
    end: () => Promise.resolve(),
    receivedBytes: 0,
  };
}

test("a slot that becomes free is that of the next job", async () => {
  const world = new World(3);
  await world.settle();
  expect([...world.running.keys()]).toEqual([1, 2]);
  world.end(2, succeeded);
  await world.settle();
  expect(world.story).toEqual(["start 1 in 1", "start 2 in 2", "end 2: 0", "start 3 in 2"]);
  world.end(1, failed);
  world.end(3, succeeded);
  await world.over;
  expect(world.loop).toMatchObject({ started: 3, ended: 3, failed: 1 });
});

test("a failed job runs again in its slot, before any new one", async () => {
  const world = new World(3, { runsOf: () => 2 });
  await world.settle();
  world.end(1, failed);
  await world.settle();
  world.end(1, failed);
  await world.settle();
  expect(world.story.slice(2)).toEqual(["again", "start 1 in 1", "end 1: 1", "start 3 in 1"]);
  world.end(2, succeeded);
  world.end(3, succeeded);
  await world.over;
});

test("a halt soon starts no more jobs, and waits for those that run", async () => {
  const halt = new HaltRule(readHalt("soon,fail=1"), () => 4);
  const world = new World(4, { halt });
  await world.settle();
  world.end(1, failed);
  await world.settle();
  expect([...world.running.keys()]).toEqual([2]);
  world.end(2, succeeded);
  await world.over;
  expect(world.story).toEqual(["start 1 in 1", "start 2 in 2", "end 1: 1", "end 2: 0"]);
});

test("a halt now kills what runs, and does not report it", async () => {
  const halt = new HaltRule(readHalt("now,fail=1"), () => 4);
  const world = new World(4, { halt });
  await world.settle();
  world.end(1, failed);
  await world.over;
  expect(world.story).toEqual(["start 1 in 1", "start 2 in 2", "end 1: 1"]);
});

test("in order, nothing is waited for that stands behind a killed job", async () => {
  const halt = new HaltRule(readHalt("now,success=1"), () => 4);
  const world = new World(4, { halt, keepOrder: true }, false);
  await world.settle();
  world.end(2, succeeded);
  await world.over;
});

test("a job that waits to run again ends as it was when the run stops", async () => {
  const world = new World(3, { runsOf: () => 5, delay: { ms: 60_000, auto: false } });
  await world.settle();
  world.end(1, failed);
  await world.settle();
  world.loop.stopSoon();
  await world.over;
  expect(world.story).toEqual(["start 1 in 1", "end 1: 1"]);
});

test("what cannot be run any more ends the run with its error", async () => {
  const world = new World(3);
  await world.settle();
  world.running.get(1)!.broken(new Error("the cluster is lost"));
  await expect(world.over).rejects.toThrow("the cluster is lost");
});

/** Where an error may come from: what is done to a loop of three jobs, in which the second has it. */
const throwing: Record<string, (events: ThrowingEvents) => void> = {
  "in its start": (events) => (events.start = thrower),
  "when it is announced": (events) => (events.started = thrower),
  "when it is to run again": (events) => (events.startAgain = thrower),
  "when it is reported": (events) => (events.ended = thrower),
  "while it is saved": (events) => (events.ended = () => Promise.reject(new Error("no room"))),
  "when its runs are counted": (events) => (events.runsOf = thrower),
  "when it is killed": (events) => (events.kill = thrower),
};
type ThrowingEvents = Partial<
  Record<"start" | "started" | "startAgain" | "runsOf" | "kill", () => never> & {
    ended: () => Promise<void>;
  }
>;
const thrower = (): never => {
  throw new Error("no room");
};

test.each(Object.entries(throwing))("what throws in a job ends the run: %s", async (_, make) => {
  const bad: ThrowingEvents = {};
  make(bad);
  const story: string[] = [];
  const loop: JobLoop = new JobLoop(
    ({ seq, rows }, slot) => ({
      seq,
      rows,
      slot,
      command: `job ${seq}`,
      skipped: false,
      start: (_output, events) => {
        if (seq === 2) bad.start?.();
        if (seq === 3 && bad.kill) setImmediate(() => loop.stopNow());
        else setImmediate(() => events.ended(seq === 2 ? failed : succeeded));
        return {
          kill: () => {
            if (seq === 3) setImmediate(() => events.ended(failed));
            if (seq === 3) bad.kill?.();
          },
        };
      },
    }),
    {
      window: slotWindow(() => 3),
      delay: undefined,
      timeout: undefined,
      runsOf: ({ seq }) => (seq === 2 ? (bad.runsOf?.(), bad.startAgain ? 2 : 1) : 1),
      halt: new HaltRule(readHalt("never"), () => 3),
      keepOrder: true,
    },
    {
      started: ({ seq }) => {
        if (seq === 2) bad.started?.();
        return output(() => bad.startAgain?.());
      },
      // The third one waits for the second, which may never be printed.
      ended: ({ seq }) => {
        story.push(`end ${seq}`);
        if (seq === 2 && bad.ended) return bad.ended();
        return seq === 3 ? new Promise(() => undefined) : Promise.resolve();
      },
      say: () => undefined,
    },
  );
  await expect(loop.run(jobs(3))).rejects.toThrow("no room");
  expect(loop.running).toEqual([]);
});
