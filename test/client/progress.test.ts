// How far futures have come: what is counted, by which names, and that it ends when all have settled.

import { expect, test, vi } from "vitest";
import { stateOf, type Future } from "../../client/future.ts";
import { follow, type Count } from "../../client/progress.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function followed(futures: readonly Future[]) {
  const shown: [string, number, number, number, number][] = [];
  const display = {
    show: (name: string, { total, done, failed, cancelled }: Count) => {
      shown.push([name, total, done, failed, cancelled]);
    },
    end: vi.fn(),
  };
  return { shown, display, following: follow(futures.map(stateOf), display) };
}

test("counts what settles by function, and failed and cancelled ones apart", async () => {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  const loads = client.map("data.load-all", [1, 2, 3]);
  const own = client.with({ key: "my-own-key" }).submit("sum");
  const pure = client.with({ pure: true }).submit("sum", 1);
  scheduler.finish(loads[0]!.key, 1);
  const { shown, display, following } = followed([...loads, own, pure]);
  expect(shown.splice(0)).toEqual([
    ["data.load-all", 3, 1, 0, 0],
    ["sum", 2, 0, 0, 0],
  ]);
  scheduler.fail(loads[1]!.key);
  own.cancel();
  scheduler.say({ type: "stored", keys: [pure.key], bytes: [1e6], holders: [["w"]] });
  expect(display.end).not.toHaveBeenCalled();
  scheduler.finish(loads[2]!.key, 1);
  await following;
  expect(display.end).toHaveBeenCalledOnce();
  expect(shown).toEqual([
    ["data.load-all", 3, 2, 1, 0],
    ["sum", 2, 1, 0, 1],
    ["sum", 2, 2, 0, 1],
    ["data.load-all", 3, 3, 1, 0],
  ]);
  expect(scheduler.keysOf("fetch")).toEqual([]);
});

test("of nothing, and of what has settled, ends at once", async () => {
  const scheduler = new FakeScheduler();
  const future = scheduler.client().submit("f");
  scheduler.finish(future.key, 1);
  for (const futures of [[], [future]]) {
    const { display, following } = followed(futures);
    await following;
    expect(display.end).toHaveBeenCalledOnce();
  }
});

test("without a terminal nothing is printed, and it still resolves when all have settled", async () => {
  const written = vi.spyOn(process.stderr, "write");
  const terminal = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");
  Object.defineProperty(process.stderr, "isTTY", { value: false, configurable: true });
  try {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const futures = client.map("f", [1, 2]);
    let resolved = false;
    const waiting = client.progress(futures, { label: "film" }).then(() => (resolved = true));
    scheduler.finish(futures[0]!.key, 1);
    await new Promise(setImmediate);
    expect(resolved).toBe(false);
    scheduler.fail(futures[1]!.key);
    await waiting;
    await client.progress(futures[0]!);
    expect(written).not.toHaveBeenCalled();
    await expect(client.progress([1 as never])).rejects.toThrow(/give futures/);
    await expect(client.progress(futures, { label: 1 as never })).rejects.toThrow(/label must be/);
  } finally {
    written.mockRestore();
    if (terminal) Object.defineProperty(process.stderr, "isTTY", terminal);
    else delete (process.stderr as { isTTY?: boolean }).isTTY;
  }
});
