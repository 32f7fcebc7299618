// Frames: messages are read as they were written, and any input is safe.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkFromWorker } from "../../../src/wire/check.ts";
import { ProtocolError } from "../../../src/errors/errors.ts";
import { limits } from "../../../src/wire/limits.ts";
import { FrameBuilder, heartbeat, readFrame, writeFrame } from "../../../src/wire/frame.ts";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import type { Payload } from "../../../src/payload/payload.ts";
import type { FromWorker } from "../../../src/wire/protocol.ts";

const part = fc.uint8Array({ maxLength: 40 });
const payload: fc.Arbitrary<Payload> = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", " ")),
  fc.json(),
  fc
    .tuple(fc.string(), fc.array(part, { minLength: 1, maxLength: 4 }))
    .map(([head, parts]) => new BinaryPayload(head, parts)),
);
const finished = fc.array(payload, { minLength: 1, maxLength: 8 }).map((values): FromWorker => ({
  type: "finished",
  keys: values.map((_, index) => `key-${index}`),
  attempts: values.map(() => 1),
  values,
  micros: values.map((_, index) => index),
}));
const batches = fc.array(finished, { minLength: 1, maxLength: 5 });

const finishedWith = (value: Payload): FromWorker => ({
  type: "finished",
  keys: ["k"],
  attempts: [1],
  values: [value],
  micros: [1],
});

function frameOf(ack: number, messages: FromWorker[]) {
  const builder = new FrameBuilder();
  for (const message of messages) builder.add(message);
  return writeFrame(ack, builder.take());
}

describe("a frame", () => {
  test("gives back its messages, its payloads and its acknowledgement", () => {
    fc.assert(
      fc.property(batches, fc.maxSafeNat(), (messages, ack) => {
        const frame = readFrame(frameOf(ack, messages));
        expect(frame.ack).toBe(ack);
        const read = frame.messages.map((message) => checkFromWorker(message, frame.parts));
        expect(read).toEqual(messages);
      }),
    );
  });

  test("is refused before it is read when that would take far more memory than it has bytes", () => {
    const bomb = (unit: string) => `[0,[${unit.repeat(100_000)}0]]`;
    for (const unit of ["{},", "[],", '{"a":{}},', '"",']) {
      expect(() => readFrame(bomb(unit), 2_000_000), unit).toThrow(ProtocolError);
      expect(() => readFrame(bomb(unit), 50_000_000), unit).not.toThrow();
    }
    // What is in strings is no more than it is here, whatever it looks like.
    const text = JSON.stringify([0, '{"\\'.repeat(100_000)]);
    expect(readFrame(text, text.length + 1_000).messages).toHaveLength(1);
  });

  test("is refused before it is read when it has millions of values outside of strings", () => {
    const refused = `a frame has more than ${limits.frameValues} values`;
    const most = Number.MAX_SAFE_INTEGER;
    for (const unit of ["0,", '"",', "{},", "[],", '{"a":0},']) {
      const frame = `[0,{"list":[${unit.repeat(limits.frameValues)}0]}]`;
      expect(() => readFrame(frame, most), unit).toThrow(refused);
      // Who trusts the other side sets no bound on memory.
      if (unit === "0,") expect(readFrame(frame).messages).toHaveLength(1);
    }
    const inputs = `[0,{"inputs":[[${'"x",'.repeat(limits.inputs)}"x"]]}]`;
    expect(readFrame(inputs, most).messages).toHaveLength(1);
    const text = JSON.stringify([0, "{},".repeat(limits.frameValues)]);
    expect(readFrame(text, most).messages).toHaveLength(1);
  });

  test("has few messages, or one: whoever writes more begins another, and whoever reads more refuses", () => {
    const builder = new FrameBuilder();
    const message = { type: "note", text: "x".repeat(limits.sharedFrameLength / 4) };
    const large = { type: "note", text: "x".repeat(limits.sharedFrameLength) };
    for (let count = 0; count < 3; count += 1) {
      builder.add(message);
      expect(builder.fits(limits.frameBytes)).toBe(true);
    }
    builder.add({ ...message, payload: new BinaryPayload("h", [Uint8Array.of(1)]) });
    expect(builder.fits(limits.frameBytes)).toBe(false);
    builder.undo();
    expect(readFrame(writeFrame(1, builder.take())).messages).toHaveLength(3);
    builder.add(large);
    expect(builder.fits(limits.frameBytes)).toBe(true);
    expect(readFrame(writeFrame(1, builder.take())).messages).toEqual([large]);
    const refused = `a frame of several messages has more than ${limits.sharedFrameLength} characters`;
    expect(() => readFrame(frameOf(1, [message, large] as never))).toThrow(refused);
    expect(() => readFrame(JSON.stringify([0, ...Array<object>(4).fill(message)]))).toThrow(
      refused,
    );
  });

  test("is text when it is small and has no binary parts, and binary otherwise", () => {
    expect(frameOf(3, [finishedWith("1")])).toBeTypeOf("string");
    expect(frameOf(3, [finishedWith(new BinaryPayload("h", [Uint8Array.of(1)]))])).toBeInstanceOf(
      Uint8Array,
    );
    expect(writeFrame(7, heartbeat)).toBe("[7]");
    // Outside the heap there is more room for what waits.
    expect(frameOf(3, [finishedWith("1".repeat(5_000))])).toBeInstanceOf(Uint8Array);
  });

  test("that is written again leaves what was written before as it was", () => {
    const builder = new FrameBuilder();
    builder.add(finishedWith("1".repeat(5_000)));
    const body = builder.take();
    const [first, second] = [writeFrame(7, body), writeFrame(8, body)];
    expect([readFrame(first).ack, readFrame(second).ack]).toEqual([7, 8]);
    expect(readFrame(second).messages).toEqual(readFrame(first).messages);
  });

  test("lets numbers of any size be viewed where they lie, wherever the frame lies", () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), fc.nat(9), (parts, shift) => {
        const head = new BinaryPayload("é", parts);
        const message: FromWorker = {
          type: "finished",
          keys: ["k"],
          attempts: [1],
          values: [head],
          micros: [0],
        };
        const written = frameOf(0, [message]) as Uint8Array;
        const moved = new Uint8Array(written.length + shift);
        moved.set(written, shift);
        const frame = readFrame(moved.subarray(shift));
        for (const [index, view] of frame.parts.entries()) {
          expect(view.byteOffset % 8).toBe(0);
          expect([...view]).toEqual([...parts[index]!]);
        }
      }),
    );
  });

  test("is not kept in memory by a small part of it", () => {
    const parts = [Uint8Array.of(1, 2), new Uint8Array(100_000), new Uint8Array(10_000)];
    const message: FromWorker = {
      type: "finished",
      keys: ["k"],
      attempts: [1],
      values: [new BinaryPayload("h", parts)],
      micros: [0],
    };
    const [small, large, other] = readFrame(frameOf(0, [message])).parts;
    const memoryOf = (part: Uint8Array | undefined) => part!.buffer.byteLength;
    expect([small, large, other].map((part) => part!.byteLength)).toEqual([2, 100_000, 10_000]);
    expect([memoryOf(small), memoryOf(other)]).toEqual([2, 10_000]);
    // Most of the frame is this one.
    expect(memoryOf(large)).toBeGreaterThan(110_000);
  });

  test("shows nothing of this process's memory in its padding", () => {
    const message: FromWorker = {
      type: "finished",
      keys: ["k"],
      attempts: [1],
      values: [new BinaryPayload("h", [Uint8Array.of(255), Uint8Array.of(255, 255)])],
      micros: [0],
    };
    const written = frameOf(0, [message]) as Uint8Array;
    const textEnd = 4 + new DataView(written.buffer, written.byteOffset).getUint32(0, true);
    const rest = [...written.subarray(textEnd)];
    expect(rest.filter((byte) => byte !== 0)).toEqual([255, 255, 255]);
  });

  test("can be taken back message by message, also one that was half added", () => {
    const builder = new FrameBuilder();
    const good = { type: "leaving", payload: new BinaryPayload("h", [Uint8Array.of(1)]) };
    builder.add(good);
    const circular: Record<string, unknown> = { payload: good.payload };
    circular["self"] = circular;
    expect(() => builder.add(circular)).toThrow();
    builder.undo();
    builder.add({ payload: new BinaryPayload("h", [Uint8Array.of(2), Uint8Array.of(3)]) });
    builder.undo();
    const frame = readFrame(writeFrame(1, builder.take()));
    expect(frame.messages).toEqual([
      { type: "leaving", payload: { head: "h", first: 0, count: 1 } },
    ]);
    expect(frame.parts.map((view) => [...view])).toEqual([[1]]);
    expect(builder.empty).toBe(true);
  });

  test("is within a limit exactly when its bytes are", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), part, (text, bytes) => {
        const builder = new FrameBuilder();
        builder.add({ text, payload: new BinaryPayload("h", [bytes]) });
        const limits = [64, 256, 1024, 2048];
        const fits = limits.map((limit) => builder.fits(limit));
        const length = Buffer.byteLength(writeFrame(Number.MAX_SAFE_INTEGER, builder.take()));
        for (const [index, limit] of limits.entries()) {
          if (fits[index]) expect(length).toBeLessThanOrEqual(limit);
          else expect(length + 96).toBeGreaterThan(limit);
        }
      }),
    );
  });
});

describe("reading what anyone may have sent", () => {
  /** The only error that may be thrown. */
  function read(data: string | Uint8Array): void {
    try {
      const frame = readFrame(data);
      for (const message of frame.messages) checkFromWorker(message, frame.parts);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  test("random text, JSON and bytes are read or refused", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), read));
    fc.assert(fc.property(fc.json(), read));
    fc.assert(fc.property(fc.jsonValue(), (value) => read(JSON.stringify([0, value]))));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), read));
  });

  test("mutated frames are read or refused", () => {
    const mutation = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(batches, mutation, fc.nat(), (messages, changes, cutAt) => {
        const written = frameOf(1, messages);
        const bytes = Uint8Array.from(Buffer.from(written as Uint8Array));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        read(typeof written === "string" ? Buffer.from(bytes).toString() : bytes);
        const shorter = bytes.subarray(0, cutAt % bytes.length);
        read(typeof written === "string" ? Buffer.from(shorter).toString() : shorter);
      }),
      { numRuns: 1000 },
    );
  });

  test("what is refused says what is wrong with it", () => {
    const binary = (text: string, rest = 0) => {
      const frame = Buffer.alloc(Math.ceil((4 + text.length) / 8) * 8 + rest);
      frame.writeUInt32LE(text.length);
      frame.write(text, 4);
      return frame;
    };
    const cases: [string | Uint8Array, string][] = [
      ["{", "not JSON"],
      ["{}", "not an array"],
      ["[]", "acknowledgement"],
      ["[-1]", "acknowledgement"],
      ["[1.5]", "acknowledgement"],
      [new Uint8Array(3), "shorter than its header"],
      [Buffer.alloc(16, 255), "shorter than its text"],
      [binary("[0,{}]"), "names no parts"],
      [binary("[0,[9]]", 8), "shorter than the parts"],
      [binary("[0,[-8]]", 8), "shorter than the parts"],
      [binary("[0,[1e300]]", 8), "shorter than the parts"],
      [binary("[0,[8]]", 16), "longer than the parts"],
      [binary(`[0,[${Array(1_000_001).fill(0).join()}]]`), "too many parts"],
    ];
    for (const [data, words] of cases) expect(() => readFrame(data)).toThrow(words);
    const manyParts = binary(`[0,[${Array(1_000).fill(0).join()}]]`);
    expect(() => readFrame(manyParts, 500_000)).toThrow("too many parts");
    expect(readFrame(manyParts, 700_000).parts).toHaveLength(1_000);
  });

  test("millions of opening brackets do not take the process down", () => {
    read("[".repeat(1_000_000));
    read(`[0,${"[".repeat(200_000)}${"]".repeat(200_000)}]`);
  });
});
