// The end of a run waits for ranks that have not come yet.

import { expect, test } from "vitest";
import { RollCall } from "../../../cluster/run/roll-call.ts";
import { silentLog } from "../../../src/log.ts";

async function isWaiting(wait: Promise<void>): Promise<boolean> {
  return Promise.race([wait.then(() => false), new Promise<true>((r) => setImmediate(r, true))]);
}

test("is over when every rank has come, each counted once", async () => {
  const rollCall = new RollCall(2, silentLog);
  rollCall.came("n1-0");
  rollCall.came("n1-0");
  const wait = rollCall.wait();
  expect(await isWaiting(wait)).toBe(true);
  rollCall.came("n2-1");
  await wait;
});

test("does not wait for a rank that cannot come", async () => {
  const rollCall = new RollCall(2, silentLog);
  rollCall.came("n1-0");
  expect(rollCall.gone("n2-1")).toBe(false);
  await rollCall.wait();
});

test("ends when it is given up", async () => {
  const rollCall = new RollCall(1, silentLog);
  const wait = rollCall.wait();
  rollCall.giveUp();
  await wait;
});

test("expects nobody when there is no other rank", async () => {
  await new RollCall(0, silentLog).wait();
});

test("knows when all ranks are gone, and nobody waits for them to end", async () => {
  const rollCall = new RollCall(2, silentLog);
  for (const name of ["n1-0", "n2-1"]) rollCall.came(name);
  expect(rollCall.gone("n1-0")).toBe(false);
  expect(rollCall.gone("n2-1")).toBe(true);
  await rollCall.wait();
  expect(rollCall.gone("n2-1")).toBe(false);
});
