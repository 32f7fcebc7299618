// Which call has which device: never two whole ones on one, and no call waits while there are some for it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newCall, termsOf, type Call } from "../../../worker/calls/call.ts";
import { Devices, type Device } from "../../../worker/calls/devices.ts";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

const gpu = (name: string): Device => ({ name, variables: { CUDA_VISIBLE_DEVICES: name } });
const gpus = (count: number) => Array.from({ length: count }, (_, index) => gpu(`${index}`));

let order = 0;
function callOf(resources: Record<string, number>): Call {
  const message = {
    type: "run",
    name: "f",
    keys: [`k${order}`],
    attempts: [1],
    args: [""],
  } as const;
  const run = { ...message, keys: [...message.keys], attempts: [1], args: ["[]"], resources };
  return newCall(run, 0, termsOf(run), order++);
}

function devicesOf({ grant }: Call): string | undefined {
  return grant?.resources["gpu"]?.devices.join();
}

describe("devices", () => {
  /** The calls in the order in which they asked. */
  function asking(devices: Devices, ...amounts: number[]): Call[] {
    return amounts.map((amount) => {
      const call = callOf({ gpu: amount });
      devices.request(call, () => undefined);
      return call;
    });
  }

  test("are granted whole to those that ask for whole ones", () => {
    const calls = asking(new Devices({ gpu: gpus(3) }), 1, 2, 1);
    expect(calls.map(devicesOf)).toEqual(["0", "1,2", undefined]);
    expect(calls[1]!.grant!.variables).toEqual({ CUDA_VISIBLE_DEVICES: "1,2" });
  });

  test("are shared by fractions, on the device where they fit best", () => {
    const devices = new Devices({ gpu: gpus(2) });
    const [large, , third] = asking(devices, 0.6, 0.5, 0.4);
    expect(devicesOf(third!)).toBe("0");
    expect(asking(devices, 0.5).map(devicesOf)).toEqual(["1"]);
    devices.release(large!);
    expect(asking(devices, 0.6).map(devicesOf)).toEqual(["0"]);
  });

  test("are waited for when there is enough in parts only", () => {
    const devices = new Devices({ gpu: gpus(2) });
    const [a, b, c, d] = asking(devices, 0.5, 0.5, 0.5, 0.5);
    for (const call of [a!, c!]) devices.release(call);
    const [whole, behind] = asking(devices, 1, 0.5);
    expect([whole!, behind!].map(devicesOf)).toEqual([undefined, undefined]);
    devices.release(b!);
    expect([whole!, behind!].map(devicesOf)).toEqual(["0", "1"]);
    devices.release(d!);
  });

  test("go to those that regain theirs before those that have not begun", () => {
    const devices = new Devices({ gpu: gpus(1) });
    const [lender, borrower, next] = asking(devices, 1, 1, 1);
    devices.release(lender!);
    expect(devicesOf(borrower!)).toBe("0");
    devices.request(lender!, () => undefined, true);
    devices.release(borrower!);
    expect([lender!, next!].map(devicesOf)).toEqual(["0", undefined]);
  });

  test("of which the last is there in part", () => {
    const devices = new Devices({ gpu: gpus(2) }, { gpu: 1.5 });
    expect(asking(devices, 0.5, 1).map(devicesOf)).toEqual(["1", "0"]);
  });

  test("are none for other resources, and for an amount of nothing", () => {
    const devices = new Devices({ gpu: gpus(1), tape: [] });
    const call = callOf({ tape: 3, gpu: 0 });
    devices.request(call, () => undefined);
    expect(call.grant).toEqual({
      resources: { tape: { amount: 3, devices: [] }, gpu: { amount: 0, devices: [] } },
      variables: {},
    });
  });

  const amount = fc.constantFrom(0.25, 0.5, 0.75, 1, 1.5, 2);
  const action = fc.oneof(
    fc.record({ type: fc.constant("ask" as const), amount }),
    fc.record({
      type: fc.constantFrom("release" as const, "regain" as const, "takeBack" as const),
      which: fc.nat(),
    }),
  );

  test("are never of two that want them whole, nor of more than fit, whatever comes in which order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }),
        fc.array(action, { maxLength: 60 }),
        (count, all) => {
          const devices = new Devices({ gpu: gpus(count) });
          const holding = new Set<Call>();
          const waiting = new Set<Call>();
          const lent = new Set<Call>();
          const request = (call: Call, isRegaining: boolean) => {
            waiting.add(call);
            devices.request(
              call,
              () => {
                waiting.delete(call);
                holding.add(call);
              },
              isRegaining,
            );
          };
          const pick = (calls: Set<Call>, which: number) => [...calls][which % calls.size];
          const releaseOne = (call: Call | undefined) => {
            if (call === undefined) return;
            holding.delete(call);
            lent.add(call);
            devices.release(call);
          };
          for (const each of all) {
            if (each.type === "ask") request(callOf({ gpu: each.amount }), false);
            else if (each.type === "release") releaseOne(pick(holding, each.which));
            else if (each.type === "regain") {
              const call = pick(lent, each.which);
              if (call !== undefined) request(call, true);
              if (call !== undefined) lent.delete(call);
            } else {
              const call = pick(waiting, each.which);
              if (call !== undefined && devices.takeBack(call)) waiting.delete(call);
            }
            check(holding, count);
          }
          while (holding.size > 0) {
            releaseOne([...holding][0]);
            check(holding, count);
          }
          expect(waiting.size).toBe(0);
        },
      ),
    );
  });

  /** Every call has as many devices as it asked for, and none has more on it than it is. */
  function check(holding: ReadonlySet<Call>, count: number): void {
    const used = new Map<string, number>();
    for (const { grant, terms } of holding) {
      const { devices, amount: granted } = grant!.resources["gpu"]!;
      expect(granted).toBe(terms.resources!["gpu"]);
      expect(new Set(devices).size).toBe(Math.ceil(granted));
      devices.forEach((device, index) => {
        const part = Math.min(1, granted - index);
        used.set(device, (used.get(device) ?? 0) + part);
      });
    }
    expect(used.size).toBeLessThanOrEqual(count);
    for (const part of used.values()) expect(part).toBeLessThanOrEqual(1 + 1e-9);
  }
});

describe("a task", () => {
  const modules = [{ path: fixture("devices.ts") }];
  const start = (options: { threads?: number; concurrency?: number } = {}) =>
    CallsUnderTest.start({ modules, devices: { gpu: gpus(2) }, ...options });
  const one = { resources: { gpu: 1 } };

  test("has the devices that it asked for, and its environment says so while it runs", async () => {
    const worker = await start();
    const [with1, without, with2, after] = [
      worker.run("seen", [[]], one),
      worker.run("seen", [[]]),
      worker.run("seen", [[]], { resources: { gpu: 2 } }),
      worker.run("seen", [[]]),
    ];
    expect(await worker.valuesOf(with1)).toEqual([
      { gpu: { amount: 1, devices: ["0"] }, variable: "0" },
    ]);
    expect(await worker.valuesOf(without)).toEqual([{ gpu: undefined, variable: undefined }]);
    expect(await worker.valuesOf(with2)).toEqual([
      { gpu: { amount: 2, devices: ["0", "1"] }, variable: "0,1" },
    ]);
    expect(await worker.valuesOf(after)).toEqual([{ gpu: undefined, variable: undefined }]);
    const asked = worker.run("asked", [[]], { resources: { gpu: 0.5, disk: 7 } });
    expect(await worker.valuesOf(asked)).toEqual([
      { gpu: { amount: 0.5, devices: ["0"] }, disk: { amount: 7, devices: [] } },
    ]);
  });

  test.each([
    ["alone on its thread", { threads: 2 }],
    ["beside another", { threads: 1, concurrency: 2 }],
  ])("%s starts programs that see its own devices", async (_, options) => {
    const worker = await start(options);
    const [first, second] = worker.run("seenByPrograms", [[], []], one);
    expect(await worker.valuesOf([first!, second!])).toEqual([
      ["0", "0", "own"],
      ["1", "1", "own"],
    ]);
  });

  test("gives its devices to the next when it has been cancelled and is off its thread", async () => {
    const worker = await start({ threads: 3 });
    const [first, second, third] = worker.run("hold", [[], [], []], one);
    await worker.until(() => worker.logs.length === 2);
    worker.cancel([second!]);
    await worker.until(() => worker.logs.length === 3);
    // Looks at each task's own line: the threads speak in any order.
    const deviceOf = (task: string) =>
      worker.logs.find(({ facts }) => facts?.["task"] === task)?.text;
    expect([first, second, third].map((task) => deviceOf(task!))).toEqual(["0", "1", "1"]);
    worker.cancel([first!, third!]);
    await worker.endOf(third);
  });

  test("that does not end gives its devices to the next with its thread", async () => {
    const worker = await start({ threads: 3 });
    const options = { ...one, options: { graceMs: 50 } };
    const [stuck] = worker.run("neverLetGo", [[]], options);
    const [held] = worker.run("hold", [[]], one);
    await worker.until(() => worker.logs.length === 2);
    const next = worker.run("seen", [[]], one);
    worker.cancel([stuck!]);
    expect(await worker.valuesOf(next)).toMatchObject([{ gpu: { devices: ["0"] } }]);
    worker.cancel([held!]);
    await worker.endOf(held);
  });

  test("that waits for a device is given back when it is asked for", async () => {
    const worker = await start({ threads: 3 });
    const held = worker.run("hold", [[], []], one);
    await worker.until(() => worker.logs.length === 2);
    const [waiting] = worker.run("seen", [[]], one);
    worker.withdraw([waiting!]);
    expect(await worker.endOf(waiting)).toEqual({ type: "withdrawn" });
    worker.cancel(held);
    await worker.endOf(held[1]);
  });
});
