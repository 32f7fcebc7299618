// Stories of a scheduler that has no worker, while tasks wait.

import { describe, expect, test } from "vitest";
import type { ToClient } from "../../../../src/wire/protocol.ts";
import { finished, run, Story, type Done } from "../story.ts";

function stage(workerTimeoutMs: number | undefined = 100) {
  const story = new Story({ maxAhead: 0, workerTimeoutMs });
  return { story, ann: story.client("ann"), w1: story.worker("w1"), w2: story.worker("w2") };
}

function failuresIn(done: Done, client = "ann") {
  const messages = (done[client] ?? []) as Extract<ToClient, { type: "failed" }>[];
  return messages.filter(({ type }) => type === "failed");
}

const ended = (name: string, how: string, pid?: number) =>
  ({ type: "worker-ended", name, host: "host", how, ...(pid !== undefined && { pid }) }) as const;

describe("with workerTimeoutMs", () => {
  test("what waits fails when the last worker is gone for so long, saying how each went", () => {
    const { story, ann, w1, w2 } = stage();
    w1.join();
    w2.join();
    ann.submit("f", ["a", "b"]);
    ann.submit("f", { c: ["a"] });
    w2.say({ type: "leaving", reason: "SIGTERM" });
    w2.lost("it said goodbye");
    story.now = 50;
    expect(w1.lost("it was killed")["log"]).toEqual([
      "worker w1 was lost: it was killed; 1 task to run elsewhere",
      "no worker is left: what waits for one fails in 0.1 s, unless one joins",
    ]);
    expect(story.at(149)).toEqual({});
    const message =
      "start workers: none was there for 0.1 s; " + "w1: it was killed; w2: it left: SIGTERM";
    const failure = { code: "unschedulable", message };
    expect(story.at(150)).toEqual({
      ann: [{ type: "failed", keys: ["a", "c", "b"], failure }],
      log: [`2 tasks that waited for a worker failed: ${message}`],
    });
  });

  test("a scheduler that no worker ever joined waits as long", () => {
    const { story, ann } = stage();
    ann.submit("f", ["a"]);
    const [failure] = failuresIn(story.at(100));
    expect(failure!.failure.message).toBe("start workers: none was there for 0.1 s");
  });

  test("a worker that joins stops the timer, and the next loss starts it anew", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    story.at(90);
    w1.join();
    expect(story.at(150)).toEqual({});
    w1.lost();
    expect(story.at(249)).toEqual({});
    expect(failuresIn(story.at(250))).toHaveLength(1);
  });

  test("what is submitted later has its time, and a task that runs after all is not failed", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    story.at(60);
    ann.submit("f", ["b"]);
    expect(failuresIn(story.at(100)).flatMap(({ keys }) => keys)).toEqual(["a", "b"]);
    ann.submit("f", ["c"]);
    expect(story.at(199)).toEqual({});
    expect(w1.join()).toMatchObject({ w1: [run("c")] });
    expect(w1.finish("c")).toMatchObject({ ann: [finished("c")] });
    expect(story.at(1_000)).toEqual({});
  });

  test("a task that is delayed waits for its time, and then for a worker", () => {
    const { story, ann } = stage();
    ann.submit("f", ["a"], { delayMs: 500 });
    expect(failuresIn(story.at(500))).toEqual([]);
    expect(failuresIn(story.at(599))).toEqual([]);
    expect(failuresIn(story.at(600))).toHaveLength(1);
  });

  test("what runs on a worker that leaves ends there; what it will not run fails", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"]);
    w1.leaving();
    expect(failuresIn(story.at(100)).flatMap(({ keys }) => keys)).toEqual(["b"]);
    expect(w1.finish("a")).toMatchObject({ ann: [finished("a")] });
  });

  test("a worker whose link is down is there until its grace is over", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"]);
    w1.away();
    expect(failuresIn(story.at(29_999))).toEqual([]);
    story.at(30_000);
    expect(failuresIn(story.at(30_100))).toHaveLength(1);
  });

  test("what nobody waits for fails too, and is logged", () => {
    const { story, ann } = stage();
    ann.submit("f", ["a"]);
    ann.detach("a");
    ann.submit("f", ["b"]);
    ann.publish("b", '"b"', ["b"]);
    ann.leave();
    const { log } = story.at(100);
    expect(log).toEqual([
      expect.stringMatching(/^a task failed that nobody waits for/),
      expect.stringMatching(/^a task failed that nobody waits for/),
      expect.stringMatching(/^2 tasks that waited for a worker failed/),
    ]);
  });

  test("no timer runs while nothing waits, and without the option none ever does", () => {
    const { story, w1 } = stage();
    w1.join();
    w1.lost();
    expect(story.nextWakeUp).toBeUndefined();
    const patient = stage(undefined);
    patient.story.state.options.workerTimeoutMs = undefined;
    patient.ann.submit("f", ["a"]);
    expect(patient.story.nextWakeUp).toBeUndefined();
  });
});

describe("when no worker is coming", () => {
  test("what waits fails at once, and what is submitted later has its time", () => {
    const { story, ann } = stage();
    ann.submit("f", ["a"]);
    story.handle(ended("n1-0", "cannot find ./taks.ts"));
    const why = "the step in which workers ran has ended";
    const [failure] = failuresIn(story.handle({ type: "no-worker-coming", why }));
    expect(failure!.failure.message).toBe(`start workers: ${why}; n1-0: cannot find ./taks.ts`);
    expect(ann.info()).toMatchObject({ noWorkerComing: why, workerTimeoutMs: 100 });
    ann.submit("f", ["b"]);
    expect(failuresIn(story.at(99))).toEqual([]);
    expect(failuresIn(story.at(100))).toHaveLength(1);
  });

  test("it is no news to a scheduler that has workers", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    expect(story.handle({ type: "no-worker-coming", why: "x" })).toEqual({});
    expect(ann.info().noWorkerComing).toBeUndefined();
  });
});

describe("a worker that has ended, as another process says", () => {
  test("is lost at once when it had joined, and only the one with that process", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"]);
    expect(story.handle(ended("w1", "it ran out of memory", 2))).toEqual({});
    expect(story.handle(ended("w1", "it ran out of memory", 1))).toMatchObject({
      disconnect: ["w1"],
      log: [
        "worker w1 was lost: it ran out of memory; 1 task to run elsewhere",
        expect.stringMatching(/^no worker is left/),
      ],
    });
  });

  test("could not start: said once for each reason, then when there are ten times as many", () => {
    const { story, ann } = stage();
    const logged = Array.from({ length: 12 }, (_, index) => {
      return story.handle(ended(`w${index}`, "no module"))["log"] ?? [];
    });
    expect(logged.flat()).toEqual([
      "worker w0 could not start: no module",
      "workers could not start 10 times in all; no module",
    ]);
    expect(ann.info().departures).toHaveLength(12);
    expect(ann.explain(keyOf(ann)).why).toBe(
      "no worker has joined; w0, w1, w2 and 9 more: no module",
    );
  });

  test("is forgotten when one of its name joins, and the list is bounded", () => {
    const { story, ann, w1 } = stage();
    for (let index = 0; index < 150; index++) story.handle(ended(`x${index}`, "no module"));
    story.handle(ended("w1", "no module"));
    expect(ann.info().departures).toHaveLength(100);
    expect(ann.info().departures.at(-1)).toEqual({ worker: "w1", how: "no module", at: 0 });
    w1.join();
    expect(ann.info().departures.at(-1)).toMatchObject({ worker: "x149" });
  });
});

describe("the end of a step of a batch job", () => {
  const job = { system: "slurm", id: "12", step: "0" };

  test("is the loss of the workers in it whose links are down", () => {
    const { story, ann } = stage();
    const w3 = story.worker("w3", { job });
    const w4 = story.worker("w4", { job });
    w3.join();
    w4.join();
    ann.submit("f", ["a", "b"]);
    const ends = () => story.handle({ type: "step-ended", step: job });
    expect(ends()).toEqual({});
    w3.away();
    expect(ends()).toMatchObject({
      disconnect: ["w3"],
      log: [expect.stringContaining("worker w3 was lost: its step 0 of job 12 has ended")],
    });
    expect(story.handle({ type: "step-ended", step: { ...job, step: "1" } })).toEqual({});
  });
});

function keyOf(client: ReturnType<typeof stage>["ann"]): string {
  client.submit("f", ["waits"]);
  return "waits";
}
