// Payloads between the threads of a worker: shared memory is handed over as it is, whatever its size.

import { expect, test } from "vitest";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { encode } from "../../../src/payload/payload.ts";
import { fromCloneable, sharedBytes, toCloneable } from "../../../worker/boundary/cloneable.ts";
import { isFromThread } from "../../../worker/boundary/messages.ts";

/** As it arrives on the other side. */
function crossed(payload: BinaryPayload): BinaryPayload {
  const transfer: ArrayBuffer[] = [];
  const message = structuredClone(toCloneable(payload, transfer), { transfer });
  return fromCloneable(message) as BinaryPayload;
}

function sharedPayload(bytes: number): BinaryPayload {
  return new BinaryPayload("head", [new Uint8Array(new SharedArrayBuffer(bytes + 16), 8, bytes)]);
}

test("bytes in shared memory are the same bytes there", () => {
  const payload = sharedPayload(100);
  const there = crossed(payload);
  expect(there.head).toBe(payload.head);
  there.parts[0]![7] = 9;
  expect(payload.parts[0]![7]).toBe(9);
  expect(there.parts[0]!.byteLength).toBe(100);
  expect(sharedBytes(toCloneable(payload, []))).toBe(100);
});

test("none is lost of more than 4 GiB", () => {
  // None of it is touched, so it costs no memory.
  const bytes = 2 ** 32 + 1_000;
  const there = crossed(sharedPayload(bytes));
  expect(there.parts.map(({ byteLength }) => byteLength)).toEqual([bytes]);
});

test("bytes that are not shared are copied, and those here stay", () => {
  const { payload } = encode(new Uint8Array([1, 2, 3]));
  const there = crossed(payload as BinaryPayload);
  there.parts[0]!.fill(9);
  expect((payload as BinaryPayload).parts[0]!.subarray(0, 3)).toEqual(new Uint8Array([1, 2, 3]));
});

test("what says that it is in shared memory, and is not, is refused", () => {
  const memory = new SharedArrayBuffer(8);
  const returned = (part: unknown) => ({
    type: "returned",
    numbers: [0, 1],
    values: [{ head: "", parts: [part] }],
  });
  expect(isFromThread(returned({ memory, offset: 0, length: 8 }))).toBe(true);
  for (const part of [
    { memory, offset: 1, length: 8 },
    { memory, offset: -1, length: 8 },
    { memory, offset: 0, length: -1 },
    { memory: new ArrayBuffer(8), offset: 0, length: 8 },
    { memory, offset: "0", length: 8 },
    null,
  ]) {
    expect(isFromThread(returned(part))).toBe(false);
  }
});
