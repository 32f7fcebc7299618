// A socket of `ws` does not block the event loop, however much there is to read.

import { afterAll, expect, test, vi } from "vitest";
import { socketMakers } from "./socket-pairs.ts";

const makers = await socketMakers();
afterAll(() => Promise.all(makers.map((maker) => maker.close())));

test("a socket that has much to say lets others have their turn", async () => {
  const { dialled, accepted } = await makers.find(({ kind }) => kind === "ws")!.pair();
  accepted.pause();
  const messages = 100;
  const text = "x".repeat(60 * 1024);
  for (let sent = 0; sent < messages; sent += 1) dialled.send(text);
  // Waits until everything was sent, so that the system's buffers are full.
  await new Promise((resolve) => setTimeout(resolve, 100));

  let heard = 0;
  let inThisTurn = 0;
  let mostInOneTurn = 0;
  const turn = () => {
    inThisTurn = 0;
    if (heard < messages) setImmediate(turn);
  };
  setImmediate(turn);
  accepted.listen({
    message() {
      heard += 1;
      inThisTurn += 1;
      mostInOneTurn = Math.max(mostInOneTurn, inThisTurn);
      const end = performance.now() + 4;
      while (performance.now() < end);
    },
    wrote() {},
    closed() {},
  });
  accepted.resume();
  await vi.waitFor(() => expect(heard).toBe(messages), { timeout: 20_000 });
  // Two messages fill the five milliseconds, and data that was read already is delivered.
  expect(mostInOneTurn).toBeLessThan(8);
  dialled.terminate();
});

test("what arrives while a reader yields is neither lost nor out of order", async () => {
  const { dialled, accepted } = await makers.find(({ kind }) => kind === "ws")!.pair();
  const heard: number[] = [];
  accepted.listen({
    message(data) {
      heard.push(Number.parseInt(data as string, 10));
      const end = performance.now() + 1;
      while (performance.now() < end);
      // The reader itself pauses in the middle.
      if (heard.length % 50 === 0) {
        accepted.pause();
        setTimeout(() => accepted.resume(), 1);
      }
    },
    wrote() {},
    closed() {},
  });
  const sent = Array.from({ length: 300 }, (_, index) => index);
  for (const index of sent) dialled.send(`${index} ${"x".repeat(10_000)}`);
  await vi.waitFor(() => expect(heard).toEqual(sent), { timeout: 20_000 });
  dialled.terminate();
});
