// A key table behaves like a Map for any keys, and frees the memory of deleted items.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyTable } from "../../src/key-table.ts";

type Item = { key: string };

/** Many keys that are minted one after the other, and many that only look similar. */
const key = fc.oneof(
  fc
    .tuple(fc.constantFrom("a-", "b-c-", "-"), fc.nat(3_000))
    .map(([prefix, n]) => prefix + n.toString(36)),
  fc.constantFrom(
    "",
    "-",
    "a--1",
    "a-01",
    "a-ZZ",
    "a-1.5",
    "a-zzzzzzzzz",
    "a-:",
    "__proto__",
    "toString",
  ),
  fc.string(),
);
const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("mint" as const),
      prefix: fc.constantFrom("a-", "b-c-", "d-"),
      times: fc.nat(600),
      gap: fc.nat(20),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("get" as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("add" as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), key }) },
  fc.record({ do: fc.constant("delete some" as const), every: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant("clear" as const) }),
);

test("it answers as a Map does", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 25 }), fc.array(key), (actions, looks) => {
      const table = new KeyTable<Item>();
      const model = new Map<string, Item>();
      let minted = 0;
      const add = (key: string) => {
        if (model.has(key)) return;
        const item = { key };
        table.add(item);
        model.set(key, item);
      };
      const remove = (key: string) => expect(table.delete(key)).toBe(model.delete(key));
      for (const each of actions) {
        if (each.do === "mint") {
          for (let time = 0; time < each.times; time++)
            add(`${each.prefix}${(minted += 1 + each.gap).toString(36)}`);
        } else if (each.do === "get") {
          // It remembers where the last key was, whoever asked for that.
          expect(table.get(each.key)).toBe(model.get(each.key));
        } else if (each.do === "add") add(each.key);
        else if (each.do === "delete") remove(each.key);
        else if (each.do === "clear") {
          table.clear();
          model.clear();
        } else {
          for (const [place, key] of [...model.keys()].entries())
            if (place % each.every === 0) remove(key);
        }
        expect(table.size).toBe(model.size);
      }
      for (const look of [...looks, ...model.keys()]) {
        if (table.get(look) !== model.get(look))
          expect.fail(`${look} is not found as it should be`);
      }
      expect(new Set(table.keys())).toEqual(new Set(model.keys()));
      const visited: string[] = [];
      table.forEach(({ key }) => visited.push(key));
      expect(visited).toEqual([...table.keys()]);
    }),
    { numRuns: 150 },
  );
});

test("a key is found whose place was emptied just before", () => {
  const table = new KeyTable<Item>();
  const keys = Array.from({ length: 2_000 }, (_, number) => `a-${number.toString(36)}`);
  for (const key of keys) table.add({ key });
  for (const key of keys.slice(0, 1_024)) table.delete(key);
  table.add({ key: "a-3" });
  expect([...table.keys()].filter((key) => key === "a-3")).toEqual(["a-3"]);
  table.get(keys.at(-1)!);
  expect(table.get("a-3")).toEqual({ key: "a-3" });
});

test("items may be deleted while it is gone through", () => {
  const table = new KeyTable<Item>();
  for (let number = 0; number < 5_000; number++) table.add({ key: `a-${number.toString(36)}` });
  let seen = 0;
  for (const { key } of table.values()) {
    seen++;
    table.delete(key);
  }
  expect([seen, table.size]).toEqual([5_000, 0]);
});

describe("it holds no more than it must", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heldFor = (keys: readonly string[]): number => {
    collect();
    const before = process.memoryUsage().heapUsed;
    const table = new KeyTable<Item>();
    for (const key of keys) table.add({ key });
    collect();
    const after = process.memoryUsage().heapUsed;
    expect(table.size).toBe(keys.length);
    return (after - before) / keys.length;
  };
  const count = 20_000;

  test.each([
    ["keys that are random", (n: number) => `fit-${((n * 2_654_435_761) % 2 ** 40).toString(36)}`],
    ["a prefix for every key", (n: number) => `job${n}-0`],
    ["keys that count up", (n: number) => `add-${n.toString(36)}`],
  ])("for %s", (_, keyOf) => {
    const keys = Array.from({ length: count }, (_, n) => keyOf(n));
    expect(heldFor(keys)).toBeLessThan(250);
  });
});

test("it keeps nothing of numbers of which it saw a part, as a worker among many does", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const table = new KeyTable<Item>();
  const use = (from: number, to: number) => {
    let last: string | undefined;
    for (let number = from; number < to; number += 3) {
      const key = `a-${number.toString(36)}`;
      table.add({ key });
      if (last !== undefined) table.delete(last);
      last = key;
    }
    if (last !== undefined) table.delete(last);
  };
  use(0, 100_000);
  collect();
  const before = process.memoryUsage().heapUsed;
  use(100_000, 3_000_000);
  collect();
  expect(table.size).toBe(0);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
});
