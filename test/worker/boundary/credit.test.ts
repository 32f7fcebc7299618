// When a thread that says much may say more: not before the turn is over, and then not faster than its worker
// can free what it takes.

import { expect, test, vi } from "vitest";
import { bytesPerWeight } from "../../../worker/boundary/messages.ts";
import { Credit } from "../../../worker/boundary/credit.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("what was taken in a turn is given at its end, all at once, and again in the next", async () => {
  const given: number[] = [];
  const credit = new Credit((weight) => given.push(weight), 2 ** 40);
  for (const weight of [3, 4]) credit.add(weight);
  await Promise.resolve();
  expect(given).toEqual([]);
  await turn();
  expect(given).toEqual([7]);
  credit.add(5);
  await turn();
  expect(given).toEqual([7, 5]);
});

test("of much for the heap it is given later, with what was taken meanwhile", async () => {
  const given: number[] = [];
  const credit = new Credit((weight) => given.push(weight), 10 * bytesPerWeight);
  credit.add(1);
  await turn();
  credit.add(1);
  expect(given).toEqual([]);
  await vi.waitFor(() => expect(given).toEqual([2]));
});
