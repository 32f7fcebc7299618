// The titles of all tests, read from their files: what a list of proofs is held to.

import ts from "typescript";
import { sourcesUnder } from "./sources.ts";

/** Of every test file, the titles of its tests, as written; those of `test.each` with their `%s`. */
export function testTitles(): Map<string, Set<string>> {
  const titles = new Map<string, Set<string>>();
  for (const { file, tree } of sourcesUnder("test")) {
    if (!file.endsWith(".test.ts")) continue;
    const found = new Set<string>();
    const visit = (node: ts.Node): void => {
      const title = titleOf(node);
      if (title !== undefined) found.add(title);
      ts.forEachChild(node, visit);
    };
    visit(tree);
    titles.set(file, found);
  }
  return titles;
}

/** Of `test("…")`, `test.each(…)("…")` and the like. */
function titleOf(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  let called: ts.Expression = node.expression;
  while (ts.isCallExpression(called) || ts.isPropertyAccessExpression(called)) {
    called = called.expression;
  }
  if (!ts.isIdentifier(called) || called.text !== "test") return undefined;
  const [first] = node.arguments;
  return first !== undefined && ts.isStringLiteralLike(first) ? first.text : undefined;
}
