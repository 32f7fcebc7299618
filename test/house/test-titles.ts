// The titles of all tests, read from their files, to check the list of proofs in test/semantics.md.

import ts from "typescript";
import { sourcesUnder } from "./sources.ts";

/** The titles of the tests in every file, as written; titles of `test.each` keep their `%s`. */
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

/** The title in `test("…")`, `test.each(…)("…")` and similar calls. */
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
