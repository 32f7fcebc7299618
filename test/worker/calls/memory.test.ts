// What calls take of the worker's memory while they wait and run.

import { expect, test } from "vitest";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

/** A worker whose memory is full above so many bytes of arguments. */
async function start(limitBytes: number, options: Parameters<typeof CallsUnderTest.start>[0] = {}) {
  const counted = { bytes: 0, most: 0 };
  const count = (bytes: number) => {
    counted.bytes += bytes;
    counted.most = Math.max(counted.most, counted.bytes);
    worker.calls.paused = counted.bytes > limitBytes;
  };
  const worker = await CallsUnderTest.start({
    ...options,
    results: {
      keep: (_, value) => value,
      gather: () => undefined,
      isSmall: () => true,
      place: () => Promise.reject(new Error("nothing is large")),
      fetch: () => Promise.reject(new Error("nothing is elsewhere")),
      expect: count,
      unexpect: (bytes) => count(-bytes),
    },
  });
  return { worker, counted };
}

const bytes = new Uint8Array(1_000);

test("arguments count from their arrival to the end of their call, however it ends", async () => {
  const { worker, counted } = await start(Infinity);
  const empty = worker.calls.heapBytes;
  const keys = [
    ...worker.run("sum", [[bytes], [bytes]]),
    ...worker.run("fail", [["no"]]),
    ...worker.run("echo", [["x".repeat(1_000)]], { inputValues: [bytes, "y"] }),
  ];
  const [stuck] = worker.run("neverEnds", [[bytes]]);
  worker.cancel([...worker.run("sum", [[bytes]])]);
  expect(counted.most).toBeGreaterThanOrEqual(5_000);
  expect(worker.calls.heapBytes - empty).toBeGreaterThan(2_000);
  await worker.endsOf(keys);
  expect(counted.bytes).toBeGreaterThanOrEqual(1_000);
  worker.cancel([stuck!]);
  await worker.endOf(stuck);
  expect([counted.bytes, worker.calls.heapBytes]).toEqual([0, empty]);
});

test("calls that do not fit are given back, and one that does not fit by itself runs", async () => {
  const { worker, counted } = await start(500);
  const keys = worker.run("sum", [[bytes], [bytes], [bytes]]);
  const ends = await worker.endsOf(keys);
  expect(ends.map(({ type }) => type)).toEqual(["finished", "withdrawn", "withdrawn"]);
  expect(counted.bytes).toBe(0);
  expect(await worker.call("sum", bytes)).toBe(0);
});

test("calls that fit stay when one more comes that does not, and run", async () => {
  const { worker } = await start(2_500);
  const keys = [bytes, bytes, bytes, bytes].flatMap((each) => worker.run("sum", [[each]]));
  const ends = await worker.endsOf(keys);
  expect(ends.map(({ type }) => type)).toEqual(["finished", "finished", "finished", "withdrawn"]);
});

test("a call that waits for its sub-tasks leaves its arguments to its thread", async () => {
  const { worker, counted } = await start(Infinity, {
    taskClient: new URL("../../../cluster/task-client.ts", import.meta.url),
  });
  const empty = worker.calls.heapBytes;
  const [key] = worker.run("waitsForSub", [[bytes, "x".repeat(1_000)]]);
  await worker.until(() => worker.messages.some(({ type }) => type === "lent"));
  expect(counted.bytes).toBe(0);
  expect(worker.calls.heapBytes - empty).toBeLessThan(1_000);
  worker.cancel([key!]);
  await worker.endOf(key);
  expect([counted.bytes, worker.calls.heapBytes]).toEqual([0, empty]);
});

test("a full worker keeps one of the calls that wait when none runs", async () => {
  const { worker } = await start(Infinity);
  const keys = worker.run("echo", [[1], [2], [3]]);
  const waiting = worker.run("echo", [[4], [5]], { announce: true });
  worker.calls.paused = true;
  const ends = await worker.endsOf([...keys, ...waiting]);
  expect(ends.some(({ type }) => type === "finished")).toBe(true);
});

test("a task that submits without end waits while the heap is full", async () => {
  let isFull = true;
  const worker = await CallsUnderTest.start({
    modules: [{ path: fixture("../processes/fixtures/filling.ts") }],
    taskClient: new URL("../../../cluster/task-client.ts", import.meta.url),
    threads: 2,
    isFull: () => isFull,
  });
  const submitted = () =>
    worker.messages.flatMap((message) =>
      message.type === "sub" && message.message.type === "submit" ? message.message.keys : [],
    ).length;
  worker.run("submitMany", [[50_000, 200]]);
  await worker.until(() => submitted() > 40);
  // Many ways to and fro of another task: what was under way is here then.
  for (let count = 0; count < 50; count++) await worker.call("length", [count]);
  expect(submitted()).toBeLessThan(150);
  isFull = false;
  worker.calls.goOn();
  await worker.until(() => submitted() === 200);
});
