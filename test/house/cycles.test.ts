// No files of the product import one another in a circle at runtime: each can be understood and loaded
// after the files it imports. Imports of types do not count, for nothing of them is left at runtime.

import { expect, test } from "vitest";
import { productFolders, sourcesUnder, type Source } from "./sources.ts";

type Node = Pick<Source, "file" | "imports">;

test("the product has no import cycles", () => {
  expect(importCycles(sourcesUnder(...productFolders))).toEqual([]);
});

test("a cycle is found with all its files, and without those that only lead to it", () => {
  const entry = node("entry.ts", ["a.ts"]);
  const cycle = [node("a.ts", ["b.ts"]), node("b.ts", ["c.ts", "leaf.ts"]), node("c.ts", ["a.ts"])];
  expect(importCycles([entry, ...cycle, node("leaf.ts", [])])).toEqual([["a.ts", "b.ts", "c.ts"]]);
});

test("an import of types closes no cycle", () => {
  const types = { file: "b.ts", imports: [{ specifier: "./a.ts", file: "a.ts", typeOnly: true }] };
  expect(importCycles([node("a.ts", ["b.ts"]), types])).toEqual([]);
});

/** Groups of files that import one another at runtime: strongly connected components, by Tarjan. */
function importCycles(sources: readonly Node[]): string[][] {
  const imports = new Map(
    sources.map(({ file, imports: all }) => [
      file,
      all.flatMap((each) => (each.typeOnly ? [] : (each.file ?? []))),
    ]),
  );
  const cycles: string[][] = [];
  const numbers = new Map<string, number>();
  /** Of each file, the smallest number on the path that can be reached from it. */
  const lowest = new Map<string, number>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const number = numbers.size;
    numbers.set(file, number);
    lowest.set(file, number);
    path.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!imports.has(target)) continue;
      if (!numbers.has(target)) visit(target);
      if (path.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== number) return;
    const component = path.splice(path.indexOf(file));
    if (component.length > 1 || imports.get(file)!.includes(file)) cycles.push(component.sort());
  };
  for (const file of imports.keys()) if (!numbers.has(file)) visit(file);
  return cycles;
}

function node(file: string, targets: readonly string[]): Node {
  const imports = targets.map((target) => ({
    specifier: `./${target}`,
    file: target,
    typeOnly: false,
  }));
  return { file, imports };
}
