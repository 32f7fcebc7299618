// Blocks of --pipe, compared with those that GNU Parallel gives to its jobs.

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { blocks, type BlockRules } from "../../../../cli/map/inputs/blocks.ts";
import { hasParallel, parallel } from "../parallel.ts";

const defaults: BlockRules = {
  blockBytes: 2 ** 20,
  recordStart: undefined,
  recordEnd: "\n",
  regexp: false,
  removeSeparators: false,
  recordsPerBlock: undefined,
  linesPerRecord: undefined,
  header: undefined,
};

/** A source that gives the input in chunks of uneven lengths. */
async function* chunksOf(input: Uint8Array, lengths = [7, 1, 100, 64]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < input.length; turn++) {
    const length = lengths[turn % lengths.length]!;
    yield input.subarray(at, at + length);
    at += length;
  }
}

async function cut(
  input: string,
  rules: Partial<BlockRules>,
): Promise<{ found: string[]; warnings: string[] }> {
  const found: string[] = [];
  const warnings: string[] = [];
  const source = chunksOf(Buffer.from(input, "latin1"));
  for await (const block of blocks(source, { ...defaults, ...rules }, (text) =>
    warnings.push(text),
  ))
    found.push(Buffer.from(block).toString("latin1"));
  return { found, warnings };
}

const numbers = Array.from({ length: 60 }, (_, i) => `${i}\n`).join("");
const fasta = Array.from({ length: 30 }, (_, i) => `>seq ${i}\n${"ACGT".repeat(i % 7)}\nTT\n`).join(
  "",
);
const mail = Array.from({ length: 20 }, (_, i) => `From a${i}\n\n${"text\n".repeat(i % 5)}\n`).join(
  "",
);
const blank = "a\n\n\nb\n  \n\t\nc\n\n";
const binary = Array.from({ length: 300 }, (_, i) =>
  String.fromCharCode((i * 7 + (i >> 3)) % 256),
).join("");

type Case = [name: string, input: string, args: string[], rules: Partial<BlockRules>];
const cases: Case[] = [
  ["the default block", numbers, [], {}],
  ["small blocks", numbers, ["--block", "10"], { blockBytes: 10 }],
  ["blocks of one byte", numbers, ["--block", "1"], { blockBytes: 1 }],
  ["a block as long as the input", "1234\n1234\n", ["--block", "10"], { blockBytes: 10 }],
  ["no last newline", "1\n2\n3", ["--block", "2"], { blockBytes: 2 }],
  ["no newline at all", "abcdefghijklmnopqrstuvwxyz", ["--block", "5"], { blockBytes: 5 }],
  [
    "records longer than a block",
    `${"x".repeat(100)}\n${"y".repeat(30)}\nz\n`,
    ["--block", "7"],
    { blockBytes: 7 },
  ],
  ["a number of records", numbers, ["-N", "7"], { recordsPerBlock: 7 }],
  [
    "a number of records in small blocks",
    numbers,
    ["-N", "7", "--block", "5"],
    { recordsPerBlock: 7, blockBytes: 5 },
  ],
  ["one record", numbers, ["-N", "1", "--block", "20"], { recordsPerBlock: 1, blockBytes: 20 }],
  [
    "no record number",
    numbers,
    ["-N", "0", "--block", "20"],
    { recordsPerBlock: 0, blockBytes: 20 },
  ],
  [
    "lines of a record",
    numbers,
    ["-L", "4", "--block", "20"],
    { linesPerRecord: 4, blockBytes: 20 },
  ],
  ["lines of a record, and a rest", "1\n2\n3\n4\n5", ["-L", "2"], { linesPerRecord: 2 }],
  [
    "a first line that is blank",
    "\nabc",
    ["-L", "2", "--block", "2"],
    { linesPerRecord: 2, blockBytes: 2 },
  ],
  [
    "records of lines",
    numbers,
    ["-L", "2", "-N", "5", "--block", "20"],
    { linesPerRecord: 2, recordsPerBlock: 5, blockBytes: 20 },
  ],
  [
    "a start",
    fasta,
    ["--recstart", ">", "--block", "50"],
    { recordStart: ">", recordEnd: undefined, blockBytes: 50 },
  ],
  [
    "a number of starts",
    fasta,
    ["--recstart", ">", "-N", "4"],
    { recordStart: ">", recordEnd: undefined, recordsPerBlock: 4 },
  ],
  [
    "a number of starts in small blocks",
    fasta,
    ["--recstart", ">", "-N", "4", "--block", "9"],
    { recordStart: ">", recordEnd: undefined, recordsPerBlock: 4, blockBytes: 9 },
  ],
  [
    "a start after garbage",
    `junk\n${fasta}`,
    ["--recstart", ">", "--block", "50"],
    { recordStart: ">", recordEnd: undefined, blockBytes: 50 },
  ],
  [
    "a start that is nowhere",
    numbers,
    ["--recstart", ">", "--block", "50"],
    { recordStart: ">", recordEnd: undefined, blockBytes: 50 },
  ],
  ["an end", mail, ["--recend", "\\n\\n", "--block", "40"], { recordEnd: "\n\n", blockBytes: 40 }],
  [
    "start and end",
    mail,
    ["--recstart", "From", "--recend", "\\n\\n", "--block", "40"],
    { recordStart: "From", recordEnd: "\n\n", blockBytes: 40 },
  ],
  [
    "a number of starts and ends",
    mail,
    ["--recstart", "From", "--recend", "\\n\\n", "-N", "3"],
    { recordStart: "From", recordEnd: "\n\n", recordsPerBlock: 3 },
  ],
  ["an empty end", binary, ["--recend", "", "--block", "37"], { recordEnd: "", blockBytes: 37 }],
  [
    "a number of bytes",
    binary,
    ["--recend", "", "-N", "11", "--block", "37"],
    { recordEnd: "", recordsPerBlock: 11, blockBytes: 37 },
  ],
  [
    "an end that overlaps itself",
    "xaaaaaaayaaaz",
    ["--recend", "aa", "-N", "1"],
    { recordEnd: "aa", recordsPerBlock: 1 },
  ],
  [
    "an end at the very start",
    "aa1aa2aa3",
    ["--recend", "aa", "-N", "1"],
    { recordEnd: "aa", recordsPerBlock: 1 },
  ],
  [
    "an end of a character of two bytes",
    "1\u00e42\u00e43".replaceAll("\u00e4", "\xc3\xa4"),
    ["--recend", "\xc3\xa4", "-N", "1"].map((t) => Buffer.from(t, "latin1").toString()),
    { recordEnd: "\u00e4", recordsPerBlock: 1 },
  ],
  ["NUL", "a\0b\0c", ["--recend", "\\0", "-N", "1"], { recordEnd: "\0", recordsPerBlock: 1 }],
  [
    "separators removed",
    numbers,
    ["--rrs", "--block", "20"],
    { removeSeparators: true, blockBytes: 20 },
  ],
  [
    "ends removed",
    "aENDbENDcENDdEND\n",
    ["--rrs", "--recend", "END", "-N", "2"],
    { removeSeparators: true, recordEnd: "END", recordsPerBlock: 2 },
  ],
  [
    "starts removed",
    "<a<b<c<d",
    ["--rrs", "--recstart", "<", "-N", "2"],
    { removeSeparators: true, recordStart: "<", recordEnd: undefined, recordsPerBlock: 2 },
  ],
  [
    "starts and ends removed",
    "<a>\n<b>\n<c>\n",
    ["--rrs", "--recstart", "<", "--recend", ">\\n", "-N", "2"],
    { removeSeparators: true, recordStart: "<", recordEnd: ">\n", recordsPerBlock: 2 },
  ],
  [
    "a regular end",
    mail,
    ["--regexp", "--recend", "\\n\\n+", "--block", "40"],
    { regexp: true, recordEnd: "\\n\\n+", blockBytes: 40 },
  ],
  [
    "a regular start",
    fasta,
    ["--regexp", "--recstart", "^>", "--block", "40"],
    { regexp: true, recordStart: "^>", recordEnd: undefined, blockBytes: 40 },
  ],
  [
    "a regular start and end",
    mail,
    ["--regexp", "--recstart", "From|To", "--recend", "\\n", "--block", "40"],
    { regexp: true, recordStart: "From|To", recordEnd: "\\n", blockBytes: 40 },
  ],
  [
    "a number of regular ends",
    mail,
    ["--regexp", "--recend", "t\\n|\\n\\n", "-N", "3"],
    { regexp: true, recordEnd: "t\\n|\\n\\n", recordsPerBlock: 3 },
  ],
  [
    "a number of regular starts",
    fasta,
    ["--regexp", "--recstart", ">s", "-N", "3", "--block", "60"],
    { regexp: true, recordStart: ">s", recordEnd: undefined, recordsPerBlock: 3, blockBytes: 60 },
  ],
  [
    "a number of regular starts after garbage",
    `junk\n${fasta}`,
    ["--regexp", "--recstart", ">s", "--recend", "\\n", "-N", "3"],
    { regexp: true, recordStart: ">s", recordEnd: "\\n", recordsPerBlock: 3 },
  ],
  [
    "regular ends removed",
    "a1b22c333d4",
    ["--regexp", "--rrs", "--recend", "[0-9]+", "-N", "2"],
    { regexp: true, removeSeparators: true, recordEnd: "[0-9]+", recordsPerBlock: 2 },
  ],
  [
    "regular starts and ends removed",
    "<a>\n<b>\n<c>\n",
    ["--regexp", "--rrs", "--recstart", "[<(]", "--recend", "[>)]\\n", "-N", "2"],
    {
      regexp: true,
      removeSeparators: true,
      recordStart: "[<(]",
      recordEnd: "[>)]\\n",
      recordsPerBlock: 2,
    },
  ],
  [
    "an empty regular end",
    binary,
    ["--regexp", "--recend", "", "-N", "11", "--block", "37"],
    { regexp: true, recordEnd: "", recordsPerBlock: 11, blockBytes: 37 },
  ],
  [
    "regular lines of a record",
    numbers,
    ["--regexp", "-L", "2", "-N", "3"],
    { regexp: true, linesPerRecord: 2, recordsPerBlock: 3 },
  ],
  [
    "a header line",
    `name\n${numbers}`,
    ["--header", ":", "--block", "30"],
    { header: ":", blockBytes: 30 },
  ],
  [
    "two header lines",
    `name\ntype\n${numbers}`,
    ["--header", "2", "-N", "9"],
    { header: "2", recordsPerBlock: 9 },
  ],
  [
    "a regular header",
    `#a\n#b\n${numbers}`,
    ["--header", "(#.*\\n)*", "--block", "30"],
    { header: "(#.*\\n)*", blockBytes: 30 },
  ],
  ["a header and no record", "name\n", ["--header", ":"], { header: ":" }],
  [
    "a header and no separators",
    `name\n${numbers}`,
    ["--header", ":", "--rrs", "-N", "9"],
    { header: ":", removeSeparators: true, recordsPerBlock: 9 },
  ],
  ["blank lines left out", blank, ["-r", "-N", "1"], { skipBlank: true, recordsPerBlock: 1 }],
  [
    "blank lines left out of small blocks",
    blank.repeat(9),
    ["-r", "--block", "6"],
    { skipBlank: true, blockBytes: 6 },
  ],
  ["nothing", "", [], {}],
  ["nothing but blank lines", "\n\n\n", ["-r"], { skipBlank: true }],
];

describe.skipIf(!hasParallel)("blocks are those of GNU Parallel", () => {
  test.each(cases)("%s", async (_, input, args, rules) => {
    const { found, warnings } = await cut(input, rules);
    // A job prints its block in hexadecimal, on a line of its own.
    const line = ["--pipe", "-k", ...args, "od -An -v -tx1 | tr -d ' \\n'; echo"];
    const { stdout, stderr } = parallel(line, { input: Buffer.from(input, "latin1") });
    const expected = stdout.split("\n").slice(0, -1);
    expect(found.map((block) => Buffer.from(block, "latin1").toString("hex"))).toEqual(expected);
    const warned = stderr.match(/A record was longer than .*/g) ?? [];
    expect(warnings).toEqual(warned);
  });

  test("of random records", async () => {
    const letters = "ab\n<>";
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    for (let round = 0; round < 10; round++) {
      const input = Array.from({ length: random(150) }, () => letters[random(letters.length)]).join(
        "",
      );
      const blockBytes = 1 + random(40);
      const recordStart = [undefined, "<", "a", "b<"][random(4)];
      const recordEnd =
        recordStart === undefined || random(2) ? ["\n", ">", "aa", "b\n"][random(4)]! : undefined;
      const regexp = random(2) === 1;
      const recordsPerBlock = [undefined, 1, 3][random(3)];
      const removeSeparators = random(3) === 0;
      const args = [
        ...["--block", `${blockBytes}`],
        ...(recordStart === undefined ? [] : ["--recstart", recordStart]),
        ...(recordEnd === undefined ? [] : ["--recend", recordEnd]),
        ...(regexp ? ["--regexp"] : []),
        ...(recordsPerBlock === undefined ? [] : ["-N", `${recordsPerBlock}`]),
        ...(removeSeparators ? ["--rrs"] : []),
      ];
      const { found } = await cut(input, {
        blockBytes,
        recordStart,
        recordEnd,
        regexp,
        recordsPerBlock,
        removeSeparators,
      });
      const line = ["--pipe", "-j1", "-k", ...args, "md5sum"];
      const { stdout } = parallel(line, { input });
      // A command whose input is empty is not run there.
      const sums = found
        .filter((block) => block !== "")
        .map((block) => `${createHash("md5").update(block, "latin1").digest("hex")}  -`);
      expect(
        sums,
        `${args.map((a) => JSON.stringify(a)).join(" ")} of ${JSON.stringify(input)}`,
      ).toEqual(stdout.split("\n").slice(0, -1));
    }
  });
});

test("a newline between quotes ends no record of CSV", async () => {
  const rows = ['a,"b\nc",d\n', '1,"x ""\n"" y",2\n', "last,row\n"];
  const { found } = await cut(rows.join(""), { csv: true, blockBytes: 12 });
  expect(found).toEqual(rows);
});

test("a stream is read only as far as blocks are taken, and let go of at the end", async () => {
  let read = 0;
  let closed = false;
  async function* endless() {
    try {
      for (;;) {
        read++;
        yield Buffer.from("line\n");
      }
    } finally {
      closed = true;
    }
  }
  let taken = 0;
  for await (const block of blocks(endless(), { ...defaults, blockBytes: 50 })) {
    expect(block.length).toBe(50);
    if (++taken === 3) break;
  }
  expect(read).toBe(30);
  expect(closed).toBe(true);
});
