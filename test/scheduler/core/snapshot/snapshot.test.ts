// Whatever the state may be made of comes back as it was; all else is refused, with the path to it.

import assert from "node:assert";
import v8 from "node:v8";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Line } from "../../../../scheduler/core/structures/line.ts";
import { freeze } from "../../../../scheduler/core/snapshot/freeze.ts";
import {
  bytesOfChunk,
  pieceLength,
  slotsOfChunk,
  snapshotFormat,
  type Chunk,
} from "../../../../scheduler/core/snapshot/format.ts";
import { classes } from "../../../../scheduler/core/snapshot/known.ts";
import { thaw } from "../../../../scheduler/core/snapshot/thaw.ts";
import { Deque } from "../../../../scheduler/core/structures/deque.ts";
import { KeyTable } from "../../../../src/key-table.ts";
import { BinaryPayload } from "../../../../src/payload/binary-payload.ts";
import { frozen, through } from "./through.ts";

function expectSame(value: unknown): void {
  const chunks = frozen(value);
  const thawed = thaw(chunks);
  assert.deepStrictEqual(thawed, value);
  assert.deepStrictEqual(frozen(thawed), chunks);
}

describe("what comes back as it was", () => {
  const primitives = [
    ...[undefined, null, true, false, 0, -0, 1, -1, -2, 1.5, -1.5, NaN, Infinity, -Infinity],
    ...[2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 53), 1e300, 0n, -7n, 2n ** 70n],
    ...["", "a", "\u0000", "é", "\ud800", "\u{1f600}", "true", "null", "x".repeat(1_000)],
  ];

  test("primitives, alone and in an object", () => {
    for (const value of primitives) {
      expectSame(value);
      expectSame([value, { value }, new Map([[value, value]]), new Set([value])]);
    }
  });

  test("any mixture of plain values", () => {
    const values = fc.anything({
      withBigInt: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    fc.assert(fc.property(values, expectSame), { numRuns: 2_000 });
  });

  test("arrays with items that were never set", () => {
    const array = new Array<unknown>(40);
    array[3] = undefined;
    array[4] = null;
    array[5] = -5;
    array[20] = "x".repeat(pieceLength + 1);
    expectSame(array);
    const thawed = through(array);
    expect([3 in thawed, 2 in thawed, thawed.length]).toEqual([true, false, 40]);
  });

  test("objects that are in several places, and in themselves", () => {
    const shared = { name: "shared" };
    const root: Record<string, unknown> = { a: shared, b: [shared], c: new Set([shared]) };
    root["self"] = root;
    root["keys"] = new Map<unknown, unknown>([[shared, root]]);
    expectSame(root);
    const thawed = through(root);
    expect(thawed["self"]).toBe(thawed);
    expect((thawed["keys"] as Map<unknown, unknown>).get(thawed["a"])).toBe(thawed);
  });

  test("the order of maps, sets and fields", () => {
    const map = new Map([3, 1, 2].map((each) => [each, { b: each, a: each }]));
    map.delete(3);
    map.set(3, { b: 3, a: 3 });
    const thawed = through({ map, set: new Set(["z", "a"]) });
    expect([...thawed.map.keys()]).toEqual([1, 2, 3]);
    expect(Object.keys(thawed.map.get(1)!)).toEqual(["b", "a"]);
    expect([...thawed.set]).toEqual(["z", "a"]);
  });

  test("names that mean something to the language", () => {
    const hostile = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": {"__proto__": []}}');
    const bare = Object.assign(Object.create(null), { hasOwnProperty: 1 });
    Object.defineProperty(bare, "__proto__", { value: 2, enumerable: true, writable: true });
    expectSame([hostile, bare, { 7: "b", 3: "a" }]);
  });

  test("bytes, without the memory around them, and not shared with the original", () => {
    const memory = new Uint8Array(1_000_000).map((_, index) => index);
    const views = [
      memory.subarray(3, 3),
      memory.subarray(3, 20),
      new Float64Array(memory.buffer, 8, 4),
      memory.subarray(1, 3 * pieceLength),
    ];
    expectSame(views);
    expect(v8.serialize(frozen([memory.subarray(3, 20)])).byteLength).toBeLessThan(200);
    const thawed = through(views);
    expect(thawed.map(({ buffer }) => buffer.byteLength)).toEqual(
      views.map(({ byteLength }) => byteLength),
    );
    const direct = thaw(freeze(views)) as Uint8Array[];
    memory.fill(9);
    expect(direct[1]![0]).toBe(3);
  });

  test("instances of the classes of the core", () => {
    const table = new KeyTable<{ key: string }>();
    for (const key of ["add-1", "add-2", "other", "add-zz", "b-0"]) table.add({ key });
    table.delete("add-1");
    const deque = new Deque<number>();
    for (let index = 0; index < 20; index++) deque.pushBack(index);
    for (let index = 0; index < 12; index++) deque.popFront();
    type Item = { order: number; ahead: Item | undefined; behind: Item | undefined };
    const line = new Line<Item>();
    for (let order = 0; order < 3; order++) {
      line.join({ order, ahead: undefined, behind: undefined });
    }
    const payload = new BinaryPayload("~", [new Uint8Array([1, 2, 3])]);
    const all = { table, deque, line, payload };
    expectSame(all);
    const thawed = through(all);
    expect([...thawed.table.keys()]).toEqual([...table.keys()]);
    thawed.deque.pushFront(-1);
    expect([...thawed.deque]).toEqual([-1, ...deque]);
    expect([...thawed.line].map(({ order }) => order)).toEqual([0, 1, 2]);
    expect(thawed.payload.byteLength).toBe(4);
  });

  test("functions that the shell names", () => {
    const near = () => [];
    const thawed = through({ near, list: [near] }, { near });
    expect([thawed.near, thawed.list[0]]).toEqual([near, near]);
    expect(() => thaw(frozen(near, { near }))).toThrow("an unknown name, near");
  });

  test("a chain of a hundred thousand objects", () => {
    type Link = { next: Link | undefined };
    let chain: Link | undefined;
    for (let index = 0; index < 100_000; index++) chain = { next: chain };
    let length = 0;
    for (let each = through(chain); each; each = each.next) length++;
    expect(length).toBe(100_000);
  });
});

describe("what is refused", () => {
  class Stranger {
    readonly name = "Meursault";
  }
  class Hidden {
    readonly #inside = 1;
    get inside() {
      return this.#inside;
    }
  }
  const cases: [string, unknown, string][] = [
    ["a class", { list: [1, new Map([["k", new Stranger()]])] }, "root.list[1].get(k)"],
    ["a class with #fields", new Set([new Hidden()]), "root.values()"],
    ["a class inside a key", new Map([[new Stranger(), 1]]), "root.keys()"],
    ["a function", [{ a: { compare: (a: number) => a } }], "root[0].a.compare"],
    ["a symbol", { deep: [Symbol("later")] }, "root.deep[0]"],
    ["a field with a symbol", { a: { [Symbol("later")]: 1 } }, "root.a"],
    [
      "a getter",
      [
        {
          get a() {
            return 1;
          },
        },
      ],
      "root[0]",
    ],
    ["a date", [[new Date(0)]], "root[0][0]"],
    ["the memory of views", [new ArrayBuffer(8)], "root[0]"],
  ];

  test.each(cases)("%s, with the path to it", (_, value, path) => {
    expect(() => [...freeze(value)]).toThrow(
      new RegExp(`: ${path.replaceAll(/[[\].()]/g, "\\$&")}$`),
    );
  });

  test("no class of the state has #fields, but for memos", () => {
    const hidden = Object.entries(classes).flatMap(([name, make]) => {
      const fields = make()
        .constructor.toString()
        .matchAll(/^\s*(#\w+)\s*(?:=|;)/gm);
      return Array.from(fields, ([, field]) => `${name}.${field}`);
    });
    expect(hidden).toEqual(["KeyTable.#group", "KeyTable.#block", "KeyTable.#place"]);
  });

  test("the newer, the foreign, the torn", () => {
    const chunks = frozen([{ a: 1 }, "text"]);
    const slots = chunks.flat();
    expect(() => thaw([[snapshotFormat + 1, ...slots.slice(1)]])).toThrow("of a newer version");
    expect(() => thaw([["hello"]])).toThrow("no snapshot");
    for (let length = 0; length < slots.length; length++) {
      expect(() => thaw([slots.slice(0, length)])).toThrow("ends too early");
    }
    expect(() => thaw([[...slots, 1]])).toThrow("more than");
    expect(() => thaw([[snapshotFormat, -5]])).toThrow("damaged");
  });
});

describe("chunks", () => {
  const large = () => [
    Array.from({ length: 3 * slotsOfChunk }, (_, index) => ({ index, text: `${index}` })),
    "x".repeat(5 * pieceLength + 1),
    new Uint8Array(5 * pieceLength + 1),
    new Map(Array.from({ length: 2 * slotsOfChunk }, (_, index) => [index, index])),
  ];

  test("are bounded", () => {
    expectSame(large());
    for (const chunk of freeze(large())) {
      expect(chunk.length).toBeLessThanOrEqual(slotsOfChunk);
      expect(sizeOf(chunk)).toBeLessThanOrEqual(bytesOfChunk + pieceLength);
    }
  });

  test("are made when they are asked for, and read when they are needed", () => {
    const items = Array.from({ length: 5 * slotsOfChunk }, (_, index) => ({ index }));
    const chunks = freeze(items);
    const first = chunks.next().value as Chunk;
    items.at(-1)!.index = -7;
    let asked = 0;
    function* rest() {
      yield first;
      for (const chunk of chunks) {
        asked++;
        // Each is read to its end before the next is asked for.
        yield new Proxy(chunk, {
          get: (target, name, self) => {
            if (name === `${target.length - 1}`) asked--;
            return Reflect.get(target, name, self) as unknown;
          },
        });
        expect(asked).toBe(0);
      }
    }
    expect((thaw(rest()) as typeof items).at(-1)!.index).toBe(-7);
  });
});

function sizeOf(chunk: Chunk): number {
  const sizes = chunk.map((slot) =>
    typeof slot === "string" ? slot.length : slot instanceof Uint8Array ? slot.byteLength : 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
