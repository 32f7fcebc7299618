// The floor's client: a promise per call, and the three ways of calling that are measured.

import { once } from "node:events";
import { WebSocket } from "ws";
import { checkSums } from "../check-sums.ts";
import { answerQuestions } from "../runner/questions.ts";
import type { FloorMeasure, Sample } from "../scenario.ts";
import { Outbox, read, socketOptions, type Call, type Result } from "./frames.ts";

/** Calls under way at any moment in `window`. */
const WINDOW = 512;

const measures: Record<FloorMeasure, (size: number) => Promise<Sample>> = {
  /** As many callers as the window is wide, each making its next call when its last returned. */
  async window(size) {
    const values = new Array<unknown>(size);
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < size) {
        const i = next++;
        values[i] = await call("add", i, 1);
      }
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: WINDOW }, caller));
    const elapsedMs = performance.now() - start;
    checkSums(values);
    return { tasks: size, elapsedMs };
  },

  /** Every call is made at once. */
  async burst(size) {
    const calls = new Array<Promise<unknown>>(size);
    const start = performance.now();
    for (let i = 0; i < size; i++) calls[i] = call("add", i, 1);
    const values = await Promise.all(calls);
    const elapsedMs = performance.now() - start;
    checkSums(values);
    return { tasks: size, elapsedMs };
  },

  /** One call after the other. */
  async "round-trip"(size) {
    const latenciesMs: number[] = [];
    const start = performance.now();
    for (let i = 0; i < size; i++) {
      const before = performance.now();
      await call("add", i, 1);
      latenciesMs.push(performance.now() - before);
    }
    return { tasks: size, elapsedMs: performance.now() - start, latenciesMs };
  },
};

const socket = new WebSocket(`${process.argv[2]}/client`, socketOptions);
const open = once(socket, "open");
const waiting = new Map<number, (value: unknown) => void>();
const toRelay = new Outbox<Call>((text) => {
  socket.send(text);
});
let calls = 0;

function call(name: string, ...args: unknown[]): Promise<unknown> {
  return new Promise((resolve) => {
    const id = calls++;
    waiting.set(id, resolve);
    toRelay.push([[id, name, args]]);
  });
}

socket.on("message", (data) => {
  for (const [id, value] of read<Result>(data)) {
    waiting.get(id)?.(value);
    waiting.delete(id);
  }
});

answerQuestions<{ measure: FloorMeasure; size: number }>(async ({ measure, size }) => {
  await open;
  return await measures[measure](size);
});
