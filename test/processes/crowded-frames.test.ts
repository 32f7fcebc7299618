// Frames that are small enough, and have millions of messages or of something in them: whoever sends one is told
// and cut off, and others do not wait for that.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Client } from "../../src/index.ts";
import { limits } from "../../src/wire/limits.ts";
import { arithmetic, cleanUp, connect, patientMs } from "./daemons.ts";
import { startScheduler, startWorker, type Scheduler } from "./daemons.ts";
import { RawPeer, clientHello } from "./raw-peer.ts";

let scheduler: Scheduler;
let bystander: Client;
beforeAll(async () => {
  scheduler = await startScheduler();
  await startWorker(scheduler, { name: "one", modules: [arithmetic] });
  bystander = await connect(scheduler);
}, patientMs);
afterAll(cleanUp);

const millions = 4_000_000;
const listOf = (count: number, item: string) => `[${Array(count).fill(item).join()}]`;
const submit = (tasks: number, inputs: number) => {
  const columns = `"keys":${listOf(tasks, '"a"')},"args":${listOf(tasks, '"[]"')}`;
  const lists = listOf(tasks, listOf(inputs, '"x"'));
  return `{"type":"submit","name":"add",${columns},"inputs":${lists}}`;
};
const releaseOf = (keys: number) => `{"type":"release","keys":${listOf(keys, '"x"')}}`;
const frameOf = (count: number, message: string) => `[0${`,${message}`.repeat(count)}]`;
const several = `a frame of several messages has more than ${limits.sharedFrameLength} characters`;
const values = `a frame has more than ${limits.frameValues} values`;

test.each([
  ["messages", frameOf(millions, releaseOf(1)), values],
  ["messages, fewer", frameOf(100_000, releaseOf(1)), several],
  ["keys of messages", frameOf(400, releaseOf(10_000)), values],
  ["inputs of tasks", frameOf(1, submit(10_000, 400)), values],
  ["inputs of tasks, fewer", frameOf(1, submit(10_000, 101)), '"submit": more than 1000000 inputs'],
  ["gaps", frameOf(millions, "0"), values],
  [
    "what nobody asked for",
    `[0,{"type":"release","keys":["x"],"more":${listOf(millions, "{}")}}]`,
    values,
  ],
])(
  "millions of %s",
  async (what, frame, words) => {
    expect(frame.length).toBeLessThan(limits.frameBytes);
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed({ ...clientHello, id: `raw ${what}` });
    let isOver = false;
    const closed = peer.closed.finally(() => (isOver = true));
    peer.send(frame);
    while (!isOver) await bystander.info();
    expect(await closed).toEqual({ code: 4002, reason: expect.stringContaining(words) });
    expect(scheduler.program.stderr).not.toMatch(/lost|came back|died/);
  },
  patientMs,
);

test(
  "one task with as many inputs as there may be is taken",
  async () => {
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed({ ...clientHello, id: "raw, right" });
    peer.send(frameOf(1, submit(1, limits.inputs)));
    expect(await peer.heard("failed")).toMatchObject({ failure: { code: "lost-data" } });
  },
  patientMs,
);
