// Messages as bytes: whatever the pieces are in which they arrive.

import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader, toFrame } from "../../../worker/process/frames.ts";

test("messages arrive whole and in order, however their bytes are cut", () => {
  const message = fc.record({
    text: fc.string({ unit: "binary" }),
    numbers: fc.array(fc.double()),
    missing: fc.constant(undefined),
    parts: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
  });
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), cuts, (messages, lengths) => {
      const read: unknown[] = [];
      const reader = new FrameReader((each) => read.push(each));
      const bytes = Buffer.concat(messages.flatMap(toFrame));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = lengths[turn % lengths.length]!;
        reader.push(bytes.subarray(at, at + length));
        at += length;
      }
      expect(read).toEqual(messages);
    }),
  );
});

test("a view crosses as the bytes that it shows, and in memory of its own", () => {
  const memory = new SharedArrayBuffer(8);
  new Uint8Array(memory).set([1, 2, 3, 4, 5, 6, 7, 8]);
  let read: { message: unknown; memory: ArrayBuffer[] } | undefined;
  const reader = new FrameReader((each, buffers) => (read = { message: each, memory: buffers }));
  reader.push(Buffer.concat(toFrame({ part: new Uint8Array(memory, 2, 3) })));
  expect(read).toEqual({
    message: { part: new Uint8Array([3, 4, 5]) },
    memory: [new Uint8Array([3, 4, 5]).buffer],
  });
});

test("bytes that are no frame throw", () => {
  const reader = new FrameReader(() => undefined);
  expect(() => reader.push(Buffer.from([4, 0, 0, 0, 9, 9, 9, 9]))).toThrow();
});
