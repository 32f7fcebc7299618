// What the outbox of a link keeps, and in which form.

import { expect, test } from "vitest";
import { Outbox } from "../../../src/link/outbox.ts";

test("frames are text while the peer acknowledges them, and bytes once much of it waits", () => {
  const outbox = new Outbox<object>({ frameBytes: 2 ** 24, unsendable: () => expect.fail() });
  const isText = () => {
    outbox.push({ type: "block", text: "x".repeat(200_000) });
    return typeof outbox.next()!.content === "string";
  };
  expect([isText(), isText(), isText(), isText()]).toEqual([true, true, false, false]);
  outbox.acknowledge(4);
  expect(isText()).toBe(true);
});

test("a frame that waits to be written is bytes", () => {
  const outbox = new Outbox<object>({ frameBytes: 2 ** 24, unsendable: () => expect.fail() });
  outbox.push({ type: "block", text: "x".repeat(600_000) });
  expect(outbox.makeWholeFrameOfAll()).toBe(true);
  expect(outbox.next()!.content).toBeInstanceOf(Uint8Array);
});
