// Rules for files: each says what it is for, is short enough to read in one sitting, and is used.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { openingComment, productFolders, root, sourcesUnder } from "./sources.ts";

/** The most lines of a file. The limit should catch files with two purposes. */
const longestFile = 600;
const longestTest = 600;

/** The entries of programs; every other file is imported from one of these. */
const entries = ["src/index.ts", "worker/index.ts", "cluster/index.ts", ...binFiles()];

/** Files in the product's folders that only tests use. */
const forTests = ["scheduler/core/invariants.ts"];

const product = sourcesUnder(...productFolders);
const everything = [
  ...product,
  ...sourcesUnder("test", "benchmarks", "examples", "scripts").filter(
    ({ file }) => !file.includes("/fixtures/") && !file.includes("/out/"),
  ),
];

describe("tidiness", () => {
  test("every file opens with a comment that says what it is for", () => {
    const silent = everything.filter((source) => openingComment(source).length < 20);
    expect(silent.map(({ file }) => file)).toEqual([]);
  });

  test(`no file has more than ${longestFile} lines, and no test more than ${longestTest}`, () => {
    const long = everything
      .map(({ file, text }) => ({ file, lines: text.trimEnd().split("\n").length }))
      .filter(({ file, lines }) => lines > (file.startsWith("test/") ? longestTest : longestFile));
    expect(long).toEqual([]);
  });

  test("every file's name is kebab-case", () => {
    const names = everything.map(({ file }) => file);
    const kebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.test|\.test-d)?\.(ts|js)$/;
    expect(names.filter((file) => !kebab.test(file))).toEqual([]);
  });

  test("every file of the product is reached from an entry", () => {
    const files = new Map(product.map((source) => [source.file, source]));
    const reached = new Set<string>();
    const queue = [...entries, ...forTests];
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (reached.has(file)) continue;
      reached.add(file);
      queue.push(...(files.get(file)?.imports ?? []).flatMap((found) => found.file ?? []));
    }
    expect([...files.keys()].filter((file) => !reached.has(file))).toEqual([]);
  });

  test("every relative import names its file with its ending", () => {
    const wrong = everything.flatMap(({ file, imports }) =>
      imports
        .filter(({ specifier }) => /^\.\.?(\/|$)/.test(specifier) && !/\.\w+$/.test(specifier))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test("no work is left as a note for later", () => {
    const marker = new RegExp(
      `\\b(${["TO", "FIX"].map((a, i) => a + ["DO", "ME"][i]).join("|")})\\b`,
    );
    expect(everything.filter(({ text }) => marker.test(text)).map(({ file }) => file)).toEqual([]);
  });
});

function binFiles(): string[] {
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  return Object.values(manifest.bin as Record<string, string>);
}
