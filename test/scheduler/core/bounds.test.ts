// What the core says stays within the limits of the protocol, however much there is to say: a peer
// that is told more than it takes would cut the link, and suffer for what others did.

import { expect, test } from "vitest";
import { checkToClient, checkToWorker } from "../../../src/wire/check.ts";
import type { FromWorker, ToClient, ToWorker } from "../../../src/wire/protocol.ts";
import { Story, type Done } from "./story.ts";

const range = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

test("a worker of many slots is asked to give back more than one message may name", () => {
  const story = new Story();
  const ann = story.client("ann");
  const w1 = story.worker("w1", { slots: 128 });
  w1.join();
  ann.submit("f", ["first"]);
  const value: FromWorker = {
    type: "finished",
    keys: ["first"],
    attempts: [1],
    values: ["1"],
    micros: [40],
  };
  story.handle({ type: "worker-messages", from: "w1", messages: [value] });
  for (let batch = 0; batch < 4; batch += 1) ann.submit("f", range(8_000, `t${batch}-`));
  const done = story.worker("w2", { slots: 128 }).join();

  const withdrawals = (done["w1"] as ToWorker[]).filter(({ type }) => type === "withdraw");
  for (const message of withdrawals) expect(() => checkToWorker(message)).not.toThrow();
  const keys = withdrawals.flatMap((message) => ("keys" in message ? message.keys : []));
  expect(keys.length).toBeGreaterThan(10_000);
  expect(new Set(keys).size).toBe(keys.length);
});

test("an error names so many of the workers that a task took down, each in so many words", () => {
  const story = new Story();
  const ann = story.client("ann");
  story.worker("w1").join();
  ann.submit("f", ["a"], { maxWorkerLosses: 30 });
  let done: Done = {};
  for (let attempt = 1; attempt <= 30; attempt += 1) {
    const failure = { code: "thread-lost", message: "long".repeat(15_000) };
    const failed: FromWorker = { type: "failed", key: "a", attempt, failure };
    done = story.handle({ type: "worker-messages", from: "w1", messages: [failed] });
  }
  const [message] = done["ann"] as ToClient[];
  expect(() => checkToClient(message)).not.toThrow();
  expect(message).toMatchObject({ type: "failed", failure: { code: "worker-lost" } });
  const { failure } = message as Extract<ToClient, { type: "failed" }>;
  expect(failure.message).toMatch(/^"f" was executing .* went down: 20 others, w1 \(long/);
  expect(failure.message.match(/w1 \(/g)).toHaveLength(10);
});
