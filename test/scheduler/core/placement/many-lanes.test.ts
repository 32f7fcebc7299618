// Thousands of tasks that each ask for something else: what the core does for each of them is
// counted, and does not grow with their number.

import { describe, expect, test } from "vitest";
import type { FromClient, TaskOptions, ToWorker } from "../../../../src/wire/protocol.ts";
import { Heap } from "../../../../scheduler/core/structures/heap.ts";
import { ReadyQueue } from "../../../../scheduler/core/placement/ready-queue.ts";
import { createState } from "../../../../scheduler/core/state.ts";
import { nextWakeUp, step, type Event } from "../../../../scheduler/core/step.ts";

type Submit = Extract<FromClient, { type: "submit" }>;
type Asked = Partial<Pick<Submit, "options" | "name">>;

const workers = ["w0", "w1", "w2", "w3"];

/** Lanes that were looked at and moves in heaps, while `run` ran. */
function counted(run: () => void): number {
  const patched = [ReadyQueue.prototype, Heap.prototype].flatMap((prototype) =>
    [
      ...["next", "wake", "block", "setAside", "hold", "release"],
      ...["attach", "add", "remove", "moved"],
    ].flatMap((name) => {
      const methods = prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
      const method = methods[name];
      return method ? [{ methods, name, method }] : [];
    }),
  );
  let count = 0;
  for (const { methods, name, method } of patched) {
    methods[name] = function (this: unknown, ...args: unknown[]) {
      count++;
      return method.apply(this, args);
    };
  }
  try {
    run();
  } finally {
    for (const { methods, name, method } of patched) methods[name] = method;
  }
  return count;
}

/** Runs so many tasks, each as it asks, through four workers; says what became of them. */
function runThrough(count: number, askedBy: (index: number) => Asked, functions: string[]) {
  const state = createState();
  const sent: { to: string; key: string; attempt: number }[] = [];
  const seen = { finished: 0, failed: 0, warnings: 0 };
  const perform = (now: number, event: Event) => {
    for (const effect of step(state, now, event)) {
      if (effect.do === "log" && effect.level === "warning") seen.warnings++;
      if (effect.do === "send-to-worker") note(effect.to, effect.messages);
      if (effect.do !== "send-to-client") continue;
      for (const message of effect.messages) {
        if (message.type === "failed") seen.failed += message.keys.length;
        if (message.type === "finished") seen.finished += message.keys.length;
      }
    }
  };
  const note = (to: string, messages: ToWorker[]) => {
    for (const message of messages) {
      if (message.type !== "run") continue;
      for (const [index, key] of message.keys.entries()) {
        sent.push({ to, key, attempt: message.attempts[index]! });
      }
    }
  };
  perform(0, { type: "client-joins", id: "ann", name: "ann" });
  const facts = { host: "h", pid: 1, threads: 4, slots: 4, functions, resources: { gpu: 1 } };
  for (const id of workers) perform(0, { type: "worker-joins", id, name: id, ...facts });
  const messages = Array.from({ length: count }, (_, index) => ({
    type: "submit" as const,
    name: "f",
    keys: [`t${index}`],
    args: ["[]"],
    ...askedBy(index),
  }));
  let ended = 0;
  const endAll = (now: number) => {
    for (; ended < sent.length; ended++) {
      const { to, key, attempt } = sent[ended]!;
      const one = { keys: [key], attempts: [attempt], values: ["1"], micros: [100_000] };
      perform(now, { type: "worker-messages", from: to, messages: [{ type: "finished", ...one }] });
    }
  };
  const work = counted(() => {
    perform(0, { type: "client-messages", from: "ann", messages });
    endAll(0);
    for (let at = nextWakeUp(state); at !== undefined && at < 9_000; at = nextWakeUp(state)) {
      perform(at, { type: "clock" });
      endAll(at);
    }
  });
  return { ...seen, ready: state.counts.ready, workEach: work / count };
}

const many = 10_000;
const ask = (options: TaskOptions): Asked => ({ options });
/** In no order, each once. */
const shuffled = (index: number) => (index * 7919) % many;
const distinct: Record<string, (index: number) => Asked> = {
  "lists of workers": (index) => ask({ workers: [`w${index % 4}`, `x${index}`] }),
  "lists of which only one worker is here, while others idle": (index) =>
    ask({ workers: ["w0", `x${index}`] }),
  "amounts of a resource": (index) => ask({ resources: { gpu: (1 + shuffled(index)) / many } }),
  "large amounts of a resource": (index) => ask({ resources: { gpu: 0.5 + index / many / 2 } }),
  priorities: (index) => ask({ priority: shuffled(index) }),
  functions: (index) => ({ name: `g${index}` }),
  "functions under one limit": (index) => ({
    name: `g${index}`,
    options: { maxRunning: 4, limitName: "api" },
  }),
  "amounts of a resource under one limit": (index) =>
    ask({ resources: { gpu: (1 + shuffled(index)) / many }, maxRunning: 4 }),
  "lists of workers under one limit, while others idle": (index) =>
    ask({ workers: ["w0", `x${index}`], maxRunning: 2 }),
  "numbers of one limit": (index) => ask({ maxRunning: 1 + shuffled(index) }),
  "limit names": (index) => ask({ maxRunning: 1, limitName: `n${index}` }),
  "limit names, each for two tasks": (index) =>
    ask({ maxRunning: 1, limitName: `n${shuffled(index) % (many / 2)}` }),
  "limit names of a rate": (index) =>
    ask({ rateLimit: { count: 1, perMs: 1_000 }, limitName: `n${shuffled(index) % (many / 2)}` }),
  "limit names and priorities": (index) =>
    ask({ maxRunning: 1, limitName: `n${index % (many / 2)}`, priority: shuffled(index) }),
  "limit names on one worker, while others idle": (index) =>
    ask({ maxRunning: 1, limitName: `n${index % (many / 2)}`, workers: ["w0"] }),
  "limit names and amounts of a resource": (index) =>
    ask({
      maxRunning: 1,
      limitName: `n${index % (many / 2)}`,
      resources: { gpu: (1 + shuffled(index)) / many },
    }),
};

describe(`${many} tasks, each with another of these, cost no more than as many alike:`, () => {
  const functions = ["f", ...Array.from({ length: many }, (_, index) => `g${index}`)];

  test.each(Object.entries(distinct))("%s", { timeout: 60_000 }, (_, askedBy) => {
    const { workEach, ...seen } = runThrough(many, askedBy, functions);
    expect(seen).toEqual({ finished: many, failed: 0, warnings: 0, ready: 0 });
    expect(workEach).toBeLessThan(200);
  });
});

describe(`of ${many} tasks that nobody here can run`, () => {
  test.each(
    Object.entries<(index: number) => Asked>({
      "each asks for other workers": (index) => ask({ workers: [`x${index}`] }),
      "each asks for more than anybody has": (index) => ask({ resources: { gpu: 2 + index } }),
    }),
  )("%s: one warning is logged", { timeout: 60_000 }, (_, askedBy) => {
    const { workEach, ...seen } = runThrough(many, askedBy, ["f"]);
    expect(seen).toEqual({ finished: 0, failed: 0, warnings: 1, ready: many });
    expect(workEach).toBeLessThan(200);
  });

  test(
    "each has another unknown name: each is warned of once and fails",
    { timeout: 60_000 },
    () => {
      const { workEach, ...seen } = runThrough(many, (index) => ({ name: `u${index}` }), ["f"]);
      expect(seen).toEqual({ finished: 0, failed: many, warnings: many, ready: 0 });
      expect(workEach).toBeLessThan(200);
    },
  );
});
