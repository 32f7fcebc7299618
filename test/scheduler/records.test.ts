// What the journal keeps of an event is what a successor reads.

import fc from "fast-check";
import { expect, test } from "vitest";
import { readRecord, recordOf, type Recorded } from "../../scheduler/records.ts";

const id = fc.string({ minLength: 1, maxLength: 200, unit: "binary" });
const what: fc.Arbitrary<Recorded["what"]> = fc.oneof(
  fc.record({
    kind: fc.constant("frame" as const),
    role: fc.constantFrom("client" as const, "worker" as const),
    from: id,
    data: fc.oneof(fc.string({ unit: "grapheme" }), fc.uint8Array()),
  }),
  fc.record({
    kind: fc.constant("event" as const),
    event: fc.record({ type: fc.constant("worker-lost" as const), id, how: fc.string() }),
  }),
);

test("a record that is read is the one that was written", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), what, (now, told) => {
      const parts = recordOf({ now, what: told });
      const read = readRecord(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
      expect(read).toEqual({ now, what: told });
    }),
  );
});

test("a record of another kind is refused", () => {
  const [head] = recordOf({
    now: 0,
    what: { kind: "frame", role: "client", from: "a", data: "[]" },
  });
  const record = Buffer.from(head as Uint8Array);
  record[0] = 7;
  expect(() => readRecord(record)).toThrow(/unknown code 7/);
});
