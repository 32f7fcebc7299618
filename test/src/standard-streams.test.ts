// The lines of a log on a stream that takes none, or only some, for a while.

import { expect, test, vi } from "vitest";
import { Lines } from "../../src/standard-streams.ts";

/** A stream that takes as many bytes as there is room for, and then fails as it is told. */
function stream() {
  const stage = { room: Infinity, fails: "EAGAIN", text: "" };
  const lines = new Lines((bytes) => {
    if (stage.room === 0) throw Object.assign(new Error(stage.fails), { code: stage.fails });
    const taken = bytes.subarray(0, stage.room);
    stage.room -= taken.length;
    stage.text += Buffer.from(taken).toString();
    return taken.length;
  });
  return { stage, lines };
}

test.each(["ENOSPC", "EPIPE", "EIO"])("what a stream refuses is counted: %s", (fails) => {
  const { stage, lines } = stream();
  Object.assign(stage, { room: 0, fails });
  for (let line = 0; line < 1_000; line += 1) lines.write(`line ${line}\n`);
  stage.room = Infinity;
  lines.write("again\n");
  lines.write("and again\n");
  expect(stage.text).toBe(`1000 lines of the log were dropped: ${fails}\nagain\nand again\n`);
});

test("a line of which a part has been written is counted as dropped, and ended", () => {
  const { stage, lines } = stream();
  Object.assign(stage, { room: 4, fails: "ENOSPC" });
  lines.write("first line\n");
  lines.write("second line\n");
  stage.room = Infinity;
  lines.write("third line\n");
  expect(stage.text).toBe("firs\n2 lines of the log were dropped: ENOSPC\nthird line\n");
});

test("lines wait for a reader that stands still, up to a bound, and none is lost or cut within it", async () => {
  const { stage, lines } = stream();
  stage.room = 10;
  const long = "x".repeat(1_023);
  for (let line = 0; line < 3_000; line += 1) lines.write(`${long}\n`);
  expect(stage.text).toBe("x".repeat(10));
  stage.room = Infinity;
  await vi.waitFor(() => expect(stage.text.length).toBeGreaterThan(1_000_000));
  lines.write("again\n");
  const written = stage.text.split("\n");
  expect(written.slice(-3)).toEqual([
    expect.stringMatching(/^\d+ lines of the log were dropped: nobody read them$/),
    "again",
    "",
  ]);
  const whole = written.slice(0, -3);
  expect(whole.every((line) => line === long)).toBe(true);
  expect(whole.length + Number.parseInt(written.at(-3)!, 10)).toBe(3_000);
});
