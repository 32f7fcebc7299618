// Graphs of a hundred thousand tasks, deep and wide: nothing recurses, and twice the tasks are about
// twice the work. Invariants are not checked here after each step: they look at everything.

import { describe, expect, test } from "vitest";
import type { FromClient, FromWorker, ToClient, ToWorker } from "../../../src/wire/protocol.ts";
import { createState } from "../../../scheduler/core/state.ts";
import { step } from "../../../scheduler/core/step.ts";

const many = 100_000;

/** One client and one worker that finishes all it is sent; what the client heard, by kind. */
class Stage {
  readonly state = createState();
  readonly heard: Record<string, number> = {};
  readonly #sent: Extract<ToWorker, { type: "run" }>[] = [];

  constructor() {
    step(this.state, 0, { type: "client-joins", id: "ann", name: "ann" });
    const facts = { host: "h", pid: 1, threads: 4, slots: 4, functions: ["f"], resources: {} };
    step(this.state, 0, { type: "worker-joins", id: "w1", name: "w1", ...facts });
  }

  submit(inputsOf: (index: number) => string[], count = many): void {
    for (let first = 0; first < count; first += 10_000) {
      const indices = Array.from(
        { length: Math.min(10_000, count - first) },
        (_, at) => first + at,
      );
      const keys = indices.map((index) => `t${index}`);
      const inputs = indices.map(inputsOf);
      this.say({ type: "submit", name: "f", keys, args: keys, inputs });
    }
  }

  say(...messages: FromClient[]): void {
    this.#perform({ type: "client-messages", from: "ann", messages });
  }

  hear(...messages: FromWorker[]): void {
    this.#perform({ type: "worker-messages", from: "w1", messages });
  }

  /** Runs everything, with so many steps at most. */
  runAll(): void {
    while (this.#sent.length > 0) {
      const runs = this.#sent.splice(0);
      this.hear(
        ...runs.map(({ keys, attempts }) => ({
          type: "finished" as const,
          keys,
          attempts,
          values: keys.map(() => "1"),
          micros: keys.map(() => 1),
        })),
      );
    }
  }

  /** The first task fails. */
  failFirst(): void {
    this.#sent.length = 0;
    const failure = { code: "task-failed", message: "it threw" };
    this.hear({ type: "failed", key: "t0", attempt: 1, failure });
  }

  #perform(event: Parameters<typeof step>[2]): void {
    for (const effect of step(this.state, 0, event)) {
      if (effect.do === "send-to-client") for (const each of effect.messages) this.#note(each);
      if (effect.do !== "send-to-worker") continue;
      for (const each of effect.messages) if (each.type === "run") this.#sent.push(each);
    }
  }

  #note(message: ToClient): void {
    const tasks = "keys" in message ? message.keys.length : 1;
    this.heard[message.type] = (this.heard[message.type] ?? 0) + tasks;
  }
}

const keys = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `t${from + index}`);
const chain = (index: number) => (index === 0 ? [] : [`t${index - 1}`]);
const fanOut = (index: number) => (index === 0 ? [] : ["t0"]);
const fanIn = (index: number) => (index === many - 1 ? keys(0, many - 1) : []);

describe.each(Object.entries({ chain, fanOut, fanIn }))(
  "a %s of a hundred thousand",
  (_, shape) => {
    test("runs to its end and is let go", () => {
      const stage = new Stage();
      stage.submit(shape);
      stage.runAll();
      expect(stage.heard).toEqual({ finished: many });
      stage.say({ type: "release", keys: keys(0, many) });
      expect(stage.state.tasks.size).toBe(0);
    });

    test("is let go before it ran", () => {
      const stage = new Stage();
      stage.submit(shape);
      stage.say({ type: "release", keys: keys(0, many) });
      expect(stage.state.tasks.size).toBe(0);
    });

    test("becomes as urgent as what waits for it", () => {
      const stage = new Stage();
      stage.submit(shape);
      const last = { keys: ["last"], args: ["[]"], inputs: [[`t${many - 1}`]] };
      stage.say({ type: "submit", name: "f", ...last, options: { priority: 7 } });
      const raised = [...stage.state.tasks.values()].filter(({ spec }) => spec.priority === 7);
      expect(raised).toHaveLength(shape === fanOut ? 3 : many + 1);
      stage.runAll();
      expect(stage.heard).toEqual({ finished: many + 1 });
    });

    test("goes with its client", () => {
      const stage = new Stage();
      stage.submit(shape);
      step(stage.state, 0, { type: "client-leaves", id: "ann" });
      expect(stage.state.tasks.size).toBe(0);
    });

    test("is cancelled, by its first task or by force", () => {
      for (const force of [false, true]) {
        const stage = new Stage();
        stage.submit(shape);
        const reached = shape === fanIn ? 2 : many;
        stage.say({ type: "cancel", keys: ["t0"], force });
        expect(stage.heard).toEqual({ cancelled: reached });
      }
    });

    test("fails with its first task, and is retried", () => {
      const stage = new Stage();
      stage.submit(shape);
      const reached = shape === fanIn ? 2 : many;
      stage.failFirst();
      expect(stage.heard).toEqual({ failed: reached });
      stage.say({ type: "retry", keys: [shape === fanOut ? "t1" : `t${many - 1}`] });
      expect(stage.heard).toEqual({ failed: reached, reopened: reached });
    });
  },
);

describe("the work", () => {
  /** Milliseconds of processor time, the least of a few tries. */
  function cost(run: () => void): number {
    const times = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      run();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    return Math.min(...times);
  }

  test.each(Object.entries({ chain, fanOut }))("for a %s grows as its length does", (_, shape) => {
    const runOf = (count: number) => () => {
      const stage = new Stage();
      stage.submit(shape, count);
      stage.runAll();
      stage.say({ type: "release", keys: keys(0, count) });
    };
    runOf(10_000)();
    expect(cost(runOf(80_000)) / cost(runOf(10_000))).toBeLessThan(8 * 4);
  });

  test("for options of their own for each task grows as their number does", () => {
    const runOf = (count: number) => () => {
      const stage = new Stage();
      for (let index = 0; index < count; index++) {
        const one = { keys: [`t${index}`], args: ["[]"] };
        stage.say({ type: "submit", name: "f", ...one, options: { startAt: 1 + index } });
      }
    };
    runOf(2_000)();
    expect(cost(runOf(40_000)) / cost(runOf(5_000))).toBeLessThan(8 * 4);
  });
});
