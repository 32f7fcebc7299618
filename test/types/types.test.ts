// The types that programs see, on the oldest TypeScript that the README names and on the project's: what
// compiles, what does not and with which words, and what an editor shows. Each file in cases/ says
// so in its comments.

import { rmSync } from "node:fs";
import ts from "typescript";
import oldest from "typescript-oldest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caseFiles, compileConsumer, layConsumer, type Compiler } from "./consumer.ts";

let folder = "";
beforeAll(() => {
  folder = layConsumer();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const strictest = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };

describe.each([
  { compiler: oldest as unknown as Compiler, more: {} },
  { compiler: ts, more: strictest },
])("TypeScript $compiler.version", ({ compiler, more }) => {
  let surprises = new Map<string, string[]>();
  beforeAll(() => {
    surprises = compileConsumer(compiler, folder, more);
  }, 120_000);

  test.each(caseFiles)("%s is as its comments say", (file) => {
    expect(surprises.get(file)).toEqual([]);
  });

  test("the published declarations compile", () => {
    expect(surprises.get("declarations") ?? []).toEqual([]);
  });
});
