// Results that wait to leave with others are never held up: neither by a call that does not end, nor
// by one that takes their thread down.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UnpostedResults } from "../../../worker/boundary/unposted-results.ts";
import { CallsUnderTest } from "../calls-under-test.ts";

/** A worker that knows the calls of a function to be short, so that many travel together. */
async function withShort(name: string): Promise<CallsUnderTest> {
  const worker = await CallsUnderTest.start({ graceMs: 50 });
  const rounds = Array.from({ length: 600 }, () => [false]);
  await worker.endsOf(worker.run(name, rounds));
  return worker;
}

describe("a result", () => {
  test.each([1, 2, 3, 20, 200])(
    "is there while the call after it spins, as one of %i",
    async (count) => {
      const worker = await withShort("spinIf");
      const keys = worker.run(
        "spinIf",
        Array.from({ length: count + 1 }, (_, index) => [index === count]),
      );
      const begun = performance.now();
      await worker.endsOf(keys.slice(0, count));
      expect(performance.now() - begun).toBeLessThan(300);
      const spinning = keys[count]!;
      expect(worker.ends.has(spinning)).toBe(false);
      worker.cancel([spinning]);
      expect(await worker.endOf(spinning)).toEqual({ type: "stopped" });
      expect(await worker.call("spinIf", false)).toBe(false);
      expect([...worker.ends.values()].every((each) => each.length === 1)).toBe(true);
    },
  );

  test("is there when the call after it ends the thread, and its call is not made again", async () => {
    const worker = await withShort("exitIf");
    const thread = await worker.call("exitIf", false);
    const keys = worker.run(
      "exitIf",
      Array.from({ length: 30 }, (_, index) => [index === 20]),
    );
    const ends = await worker.endsOf(keys);
    const places = ends.map((end) => (end.type === "finished" ? end.value : end.type));
    expect(places.slice(0, 20)).toEqual(keys.slice(0, 20).map(() => thread));
    expect(ends[20]).toMatchObject({ failure: { code: "thread-lost" } });
    expect(places.slice(21)).not.toContain(thread);
    expect([...worker.ends.values()].every((each) => each.length === 1)).toBe(true);
  });

  test("is there when calls that fail come after it", async () => {
    const worker = await withShort("spinIf");
    const [good, bad, spinning] = worker.run("spinIf", [[false], [false], [true]], {
      args: ["[false]", "no payload", "[true]"],
    });
    expect(await worker.endOf(bad)).toMatchObject({ type: "failed" });
    expect(worker.ends.has(good!)).toBe(true);
    worker.cancel([spinning!]);
    await worker.endOf(spinning);
  });
});

describe("what is held back", () => {
  const results = fc.array(
    fc.record({
      ticket: fc.nat(),
      micros: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      text: fc.string({ unit: "grapheme", maxLength: 50 }),
    }),
    { maxLength: 20 },
  );

  test("is read as it was added, until it is cleared, by who shares the memory", () => {
    const thread = new UnpostedResults();
    const main = new UnpostedResults(thread.memory);
    fc.assert(
      fc.property(results, (batch) => {
        for (const { ticket, micros, text } of batch) {
          expect(thread.add(ticket, micros, text)).toBe(true);
        }
        expect(main.read()).toEqual({
          numbers: batch.flatMap(({ ticket, micros }) => [ticket, micros]),
          values: batch.map(({ text }) => text),
        });
        thread.clear();
        expect(main.read()).toEqual({ numbers: [], values: [] });
      }),
    );
  });

  test("is bounded: what is too long, or one too many, is refused and changes nothing", () => {
    const held = new UnpostedResults();
    expect(held.add(1, 1, "x".repeat(10_000))).toBe(false);
    for (let round = 0; round < 3; round += 1) {
      let short = 0;
      while (held.add(short, 1, "1")) short += 1;
      expect(held.read().values).toEqual(Array.from({ length: short }, () => "1"));
      held.clear();
      let long = 0;
      while (held.add(long, 1, "あ".repeat(1_000))) long += 1;
      expect(held.read().values).toEqual(Array.from({ length: long }, () => "あ".repeat(1_000)));
      expect(long).toBeLessThan(short);
      held.clear();
    }
  });
});
