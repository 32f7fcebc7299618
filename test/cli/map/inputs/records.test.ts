// Records: any text, cut into any chunks, gives the pieces between its delimiters.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordReader, splitBytes, splitValues } from "../../../../cli/map/inputs/records.ts";

const rules = {
  delimiter: "\n",
  endOfInput: undefined,
  skipBlank: false,
  continued: false,
  csv: false,
};

describe("a stream", () => {
  test("gives the same records however it is cut into chunks", async () => {
    const delimiters = fc.constantFrom("\n", "\0", "ab", "aa", "\n\n", "é", "aba");
    const texts = fc.string({ unit: fc.constantFrom("a", "b", "é", "\n", "\0", "€", "x") });
    await fc.assert(
      fc.asyncProperty(texts, delimiters, fc.array(fc.nat(7)), async (text, delimiter, cuts) => {
        const records = text.split(delimiter);
        if (records.at(-1) === "") records.pop();
        expect(await recordsOf(chunked(Buffer.from(text), cuts), delimiter)).toEqual(records);
      }),
    );
  });

  test("comes out as far as it has come", async () => {
    const blocks = splitBytes(bytes("a\nb\nc"), "\n", "f");
    expect((await blocks.next()).value).toEqual(["a", "b"]);
    expect((await blocks.next()).value).toEqual(["c"]);
  });

  test("that is not UTF-8 is refused with the number of the record", async () => {
    const text = Buffer.from([97, 10, 98, 10, 0xff, 10, 99, 10]);
    const blocks = splitBytes(chunked(text, [3]), "\n", "names.txt");
    const seen: string[] = [];
    const reading = (async () => {
      for await (const block of blocks) seen.push(...block);
    })();
    await expect(reading).rejects.toThrow("record 3 of names.txt is not UTF-8: convert the input");
    expect(seen).toEqual(["a", "b"]);
  });

  test("whose last record is not UTF-8 is refused too", async () => {
    const reading = recordsOf(chunked(Buffer.from([97, 10, 0xe2, 0x82]), []), "\n");
    await expect(reading).rejects.toThrow("record 2 of f is not UTF-8");
  });

  test("without a delimiter is refused before it fills the memory", async () => {
    let read = 0;
    async function* endless() {
      for (; ; read++) yield Buffer.alloc(2 ** 20, "x");
    }
    await expect(recordsOf(endless(), "\n")).rejects.toThrow(
      "record 1 of f is longer than 64 MiB: give the right delimiter with -d or -0",
    );
    expect(read).toBeLessThan(70);
  });
});

describe("a reader", () => {
  test("joins the lines of a CSV record whose quotes are open", async () => {
    const pieces = ['1,"a', 'b ""c""', '",2', "3,4"];
    expect(await read(pieces, { ...rules, csv: true })).toEqual(['1,"a\nb ""c""\n",2', "3,4"]);
  });

  test("ends at the end of input, with the record that it had begun", async () => {
    const continued = { ...rules, continued: true, endOfInput: "END" };
    expect(await read(["a", "b ", "END", "c"], continued)).toEqual(["a", "b "]);
  });

  test("takes a header as it is", async () => {
    const reader = new RecordReader([["", "a"], ["b"]], { ...rules, skipBlank: true });
    expect(await reader.header()).toBe("");
    expect(await reader.next()).toBe("a");
    expect(await reader.header()).toBe("b");
    expect(await reader.header()).toBeUndefined();
    expect(await reader.next()).toBeUndefined();
  });
});

test("values with delimiters are several records", () => {
  expect(splitValues(["a,b", "", "c"], ",")).toEqual(["a", "b", "", "c"]);
  expect(splitValues([], "\n")).toEqual([]);
});

async function read(pieces: string[], given: typeof rules | object): Promise<string[]> {
  const reader = new RecordReader([pieces], { ...rules, ...given });
  const records: string[] = [];
  for (;;) {
    const record = await reader.next();
    if (record === undefined) return records;
    records.push(record);
  }
}

async function recordsOf(chunks: AsyncIterable<Uint8Array>, delimiter: string): Promise<string[]> {
  const records: string[] = [];
  for await (const block of splitBytes(chunks, delimiter, "f")) records.push(...block);
  return records;
}

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* chunked(whole: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const length of cuts) yield whole.subarray(at, (at += length));
  yield whole.subarray(at);
}
