// Timers and clocks of the product are those of `src/timers.ts`, which takes them when it loads: a program's
// tests may put fake ones in their place. Files that run in processes of our own, where no user's code
// is, may use the globals: the command line, and the main thread of a worker.

import ts from "typescript";
import { expect, test } from "vitest";
import { sourcesUnder } from "./sources.ts";

const takenWhenLoaded = ["src/timers.ts", "worker/boundary/intrinsics.ts"];

const globals = new Set([
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "clearImmediate",
  "queueMicrotask",
]);
const members = new Set(["performance.now", "process.nextTick", "Date.now"]);

test("what runs beside a user's code takes no timer or clock from the globals", () => {
  const files = sourcesUnder("src", "client", "cluster", "scheduler", "worker/thread").filter(
    ({ file }) => !takenWhenLoaded.includes(file),
  );
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap(({ file, tree }) => {
    const imported = new Set<string>();
    const used: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isImportSpecifier(node)) imported.add(node.name.text);
      else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
        if (globals.has(node.expression.text)) used.push(node.expression.text);
      } else if (ts.isPropertyAccessExpression(node) && members.has(node.getText())) {
        used.push(node.getText());
      }
      ts.forEachChild(node, visit);
    };
    visit(tree);
    return used.filter((name) => !imported.has(name)).map((name) => `${file} uses ${name}`);
  });
  expect(found).toEqual([]);
});
