// Stories of work that is sent ahead of free slots, and taken back when it would run sooner elsewhere
// or stands in the way of something more urgent.

import { describe, expect, test } from "vitest";
import { finished, run, Story, withdraw, type StoryClient, type StoryWorker } from "../story.ts";

const keysOf = (count: number, of = "t") => Array.from({ length: count }, (_, at) => `${of}${at}`);

/** Lets the scheduler learn how long calls of `f` take. */
function teach(ann: StoryClient, w1: StoryWorker, micros: number): void {
  ann.submit("f", ["lesson"]);
  w1.finish("lesson", { micros });
  ann.release("lesson");
}

describe("sending ahead", () => {
  /** How many tasks one worker of two slots is sent of calls that take so long. */
  function sentOf(micros: number | undefined, options = {}): number {
    const story = new Story(options);
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 2 });
    w1.join();
    if (micros !== undefined) teach(ann, w1, micros);
    ann.submit("f", keysOf(3_000));
    return ann.workers()[0]!.tasks;
  }

  test("is in proportion to how short the tasks are: long ones wait with the scheduler", () => {
    expect(sentOf(10_000_000)).toBe(2);
    expect(sentOf(60_000)).toBe(2);
    expect(sentOf(20_000)).toBe(4);
    expect(sentOf(5_000)).toBe(4);
    expect(sentOf(1_000)).toBe(20);
    expect(sentOf(100)).toBe(200);
    expect(sentOf(1)).toBe(2 * (1 + 512));
  });

  test("is not done with what may expire: it counts as started where it is sent", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 2 });
    w1.join();
    teach(ann, w1, 1);
    ann.submit("f", keysOf(10), { expiresMs: 1_000 });
    expect(ann.workers()[0]!.tasks).toBe(2);
  });

  test("is one more for each slot while nothing is known of the function", () => {
    expect(sentOf(undefined)).toBe(4);
  });

  test("is what the options say", () => {
    expect(sentOf(1, { maxAhead: 0 })).toBe(2);
    expect(sentOf(1, { maxAhead: 3 })).toBe(8);
    expect(sentOf(1_000, { aheadMicros: 50_000 })).toBe(200);
  });

  test("gives very short tasks to one worker several in a row, though others idle", () => {
    const rowsOf = (micros: number) => {
      const story = new Story();
      const ann = story.client("ann");
      const workers = ["w1", "w2", "w3"].map((id) => story.worker(id));
      workers[0]!.join();
      teach(ann, workers[0]!, micros);
      for (const each of workers.slice(1)) each.join();
      const sent = ann.submit("f", keysOf(500));
      return ["w1", "w2", "w3"].map((id) => {
        const [first] = sent[id] as { keys: string[] }[];
        const numbers = first!.keys.map((key) => Number(key.slice(1)));
        return numbers.findIndex((number, index) => numbers[index + 1] !== number + 1) + 1;
      });
    };
    expect(rowsOf(1)).toEqual([128, 128, 128]);
    expect(rowsOf(20)).toEqual([10, 10, 10]);
    expect(rowsOf(300)).toEqual([1, 1, 1]);
  });

  test("keeps the order of clients and priorities in a row", () => {
    const story = new Story();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    teach(ann, w1, 1);
    w1.away();
    ann.submit("f", ["a1", "a2", "a3"]);
    bob.submit("f", ["b1", "b2"]);
    ann.submit("f", ["urgent"], { priority: 1 });
    expect(w2.join()).toMatchObject({
      w2: [run("urgent", { priority: 1 }), run(["a1", "b1", "a2", "b2", "a3"])],
    });
  });

  test("is not for tasks that hold resources", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { resources: { gpu: 9 } });
    w1.join();
    teach(ann, w1, 10);

    expect(ann.submit("f", ["a", "b"], { resources: { gpu: 1 } })).toEqual({
      w1: [run("a", { resources: { gpu: 1 } })],
    });
    expect(w1.finish("a")).toEqual({
      w1: [run("b", { resources: { gpu: 1 } })],
      ann: [finished("a")],
    });
  });
});

describe("taking back", () => {
  test("half of what waits on a busy worker is asked for when another idles", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    teach(ann, w1, 1_000);
    const keys = keysOf(10);
    expect(ann.submit("f", keys)).toEqual({ w1: [run(keys)] });

    expect(w2.join()).toEqual({
      w1: [withdraw("t5", "t6", "t7", "t8", "t9")],
      log: ["worker w2 joined: 1 slot, 1 function"],
    });
    // One question at a time.
    expect(w1.finish("t0", { micros: 1_000 })).toEqual({ ann: [finished("t0")] });
    expect(w1.withdrawn("t5", "t6", "t7", "t8", "t9")).toEqual({
      w2: [run(["t5", "t7", "t9"], { attempt: 2, starts: [0, 0, 0] })],
      w1: [run(["t6", "t8"], { attempt: 2, starts: [0, 0] })],
    });
  });

  test("what had started meanwhile stays, and it may be asked again", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    expect(ann.submit("f", ["a", "b"])).toEqual({ w1: [run(["a", "b"])] });
    expect(w2.join()).toMatchObject({ w1: [withdraw("b")] });

    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
    expect(w1.started("b")).toEqual({});
    expect(w1.finish("b")).toEqual({ ann: [finished("b")] });
  });

  test("too little to be worth a round trip is left where it is", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    teach(ann, w1, 100);
    ann.submit("f", keysOf(19));
    const log = ["worker w2 joined: 1 slot, 1 function"];
    expect(story.worker("w2").join()).toEqual({ log });
  });

  test("little work is asked for too when something before it takes long", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    teach(ann, w1, 1);
    w2.join();
    expect(ann.submit("f", keysOf(5))).toEqual({ w1: [run(keysOf(5))] });
    expect(story.at(story.now + 49)).toEqual({});
    expect(story.at(story.now + 1)).toEqual({ w1: [withdraw("t3", "t4")] });
    expect(w1.withdrawn("t3", "t4")).toEqual({
      w2: [run(["t3", "t4"], { attempt: 2, starts: [0, 0] })],
    });
  });

  test("what the idle worker cannot run is left where it is", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { functions: ["f", "g"] });
    w1.join();
    ann.submit("f", ["a"]);
    ann.submit("g", ["b"]);
    const joined = (id: string) => [`worker ${id} joined: 1 slot, 1 function`];
    expect(story.worker("w2").join()).toEqual({ log: joined("w2") });
    const w3 = story.worker("w3", { functions: ["g"] });
    expect(w3.join()).toEqual({ w1: [withdraw("b")], log: joined("w3") });
  });

  test("something urgent takes the place of what waits there, also when the queue is full", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    expect(ann.submit("f", ["a", "b", "c"])).toEqual({ w1: [run(["a", "b"])] });

    expect(ann.submit("f", ["urgent"], { priority: 1 })).toEqual({ w1: [withdraw("b")] });
    expect(w1.withdrawn("b")).toEqual({ w1: [run("urgent", { priority: 1 })] });
    expect(w1.finish("a")).toEqual({
      w1: [run("b", { attempt: 2, starts: [0] })],
      ann: [finished("a")],
    });
  });

  test("is looked at no more once nothing on many workers can run on a free one", () => {
    const story = new Story();
    const ann = story.client("ann");
    const workers = Array.from({ length: 41 }, (_, at) => story.worker(`w${at}`));
    for (const worker of workers) worker.join();
    for (const { id } of workers.slice(1)) {
      ann.submit("f", keysOf(8, id), { workers: [id] });
    }
    let looks = 0;
    for (let next; (next = story.nextWakeUp) !== undefined && next < 10_000;) {
      story.at(next);
      looks++;
    }
    expect(looks).toBeLessThan(100);
  });

  test("what was cancelled while it was asked for is given back for nobody", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", ["a", "b"]);
    w2.join();
    ann.cancel(["b"]);
    expect(w1.withdrawn("b")).toEqual({});
  });
});
