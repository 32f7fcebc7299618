// Sources: what is opened, how it is combined, and how little of it is held.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collect, combinations, linkedRows } from "../../../../cli/map/inputs/combine.ts";
import { RecordReader } from "../../../../cli/map/inputs/records.ts";
import {
  openInputs,
  shuffled,
  type InputRules,
  type Source,
} from "../../../../cli/map/inputs/sources.ts";

const rules: InputRules = {
  delimiter: "\n",
  endOfInput: undefined,
  skipBlank: false,
  continued: false,
  csv: false,
  columns: undefined,
  trim: "n",
  header: false,
  link: false,
  shuffle: false,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "thence-sources-"));
  writeFileSync(path.join(folder, "table"), "n,m\r\n1,x\n2,y\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("opening", () => {
  test("gives the names in the headers of all sources", async () => {
    const sources = [file("table"), { values: ["k", "1", "2"], linked: false }];
    const columns = { separator: /,/ };
    const { rows, names, close } = await openInputs(
      sources,
      { ...rules, header: true, columns },
      none(),
    );
    expect(names).toEqual(["n", "m", "k"]);
    expect(await collect(rows)).toEqual([
      ["1", "x", "1"],
      ["1", "x", "2"],
      ["2", "y", "1"],
      ["2", "y", "2"],
    ]);
    await close();
  });

  test("refuses a file that is not there, by its name", async () => {
    await expect(openInputs([file("table"), file("nope")], rules, none())).rejects.toThrow(
      /cannot open the input file ".*\/nope": there is no such file/,
    );
  });

  test("refuses a folder", async () => {
    const source: Source = { path: folder, linked: false };
    await expect(openInputs([source], rules, none())).rejects.toThrow("it is a directory");
  });

  test("may be left before the end", async () => {
    const { rows, close } = await openInputs([file("table")], rules, none());
    for await (const row of rows) {
      expect(row).toEqual(["n,m\r"]);
      break;
    }
    await close();
  });
});

test("a row comes before the next chunk of its source has come", async () => {
  const waiting = Promise.withResolvers<never>();
  async function* slow() {
    yield Buffer.from("a\nb");
    await waiting.promise;
  }
  const { rows } = await openInputs([{ path: "-", linked: false }], rules, slow());
  const iterator = rows[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toEqual(["a"]);
});

test("the first of several sources is streamed", async () => {
  const { blocks, taken } = counted(1_000);
  const inputs = [input(blocks), input([["x", "y"]])];
  const rows = combinations(inputs)[Symbol.asyncIterator]();
  for (let i = 0; i < 10; i++) await rows.next();
  expect(taken()).toBeLessThanOrEqual(6);
});

test("a linked source that outlives the others is not held", async () => {
  const { blocks } = counted(5);
  const rows = linkedRows([input(blocks), input([["x", "y"]])]);
  expect(await collect(rows)).toEqual([
    ["0", "x"],
    ["1", "y"],
    ["2", "x"],
    ["3", "y"],
    ["4", "x"],
  ]);
});

test("an empty linked source is one empty value", async () => {
  expect(await collect(linkedRows([input([["a", "b"]]), input([])]))).toEqual([
    ["a", ""],
    ["b", ""],
  ]);
});

test("shuffling gives every row once", async () => {
  const { blocks } = counted(50);
  const rows = await collect(shuffled(combinations([input(blocks)])));
  expect(rows.map(([value]) => Number(value)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
  const first = await collect(shuffled(combinations([input([["a", "b", "c"]])]), () => 0));
  expect(first).toEqual([["a"], ["c"], ["b"]]);
});

function file(name: string): Source {
  return { path: path.join(folder, name), linked: false };
}

function input(blocks: Iterable<readonly string[]>) {
  return {
    reader: new RecordReader(blocks, rules),
    split: (record: string) => [record],
    linked: false,
  };
}

/** Numbers, each in a block of its own, and how many have been taken. */
function counted(count: number) {
  let taken = 0;
  function* blocks() {
    for (let i = 0; i < count; i++) {
      taken++;
      yield [String(i)];
    }
  }
  return { blocks: blocks(), taken: () => taken };
}

async function* none(): AsyncGenerator<Uint8Array> {}
