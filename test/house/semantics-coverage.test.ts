// Each rule in test/semantics.md names the tests that prove it, and these tests exist. Rules for
// features that are not built yet are shown as open in every run.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./sources.ts";
import { testTitles } from "./test-titles.ts";

type Rule = { words: string; proofs: { file: string; title: string }[]; open: string[] };

const titles = testTitles();
const page = readFileSync(path.join(root, "test", "semantics.md"), "utf8");
const rules: Rule[] = [];
/** Lines that do not follow the page's grammar: a mistyped proof must not be ignored. */
const stray: string[] = [];
for (const line of page.slice(page.indexOf("\n## ")).split("\n")) {
  const rule = /^- (.+)$/.exec(line);
  const proof = /^ {2}- `(.+?)`: (.+)$/.exec(line);
  const open = /^ {2}- open: (.+)$/.exec(line);
  if (rule) rules.push({ words: rule[1]!, proofs: [], open: [] });
  else if (proof) rules.at(-1)?.proofs.push({ file: `test/${proof[1]}`, title: proof[2]! });
  else if (open) rules.at(-1)?.open.push(open[1]!);
  else if (line !== "" && !line.startsWith("## ")) stray.push(line);
}

describe("what futures do", () => {
  for (const { words, proofs, open } of rules) {
    // `todo` counts and shows the rule as open.
    if (open.length > 0) test.todo(`${words} (waits for ${open.join(", ")})`);
    if (open.length > 0 && proofs.length === 0) continue;
    test(`${words}`, () => {
      expect(proofs.length).toBeGreaterThan(0);
      const missing = proofs.filter(({ file, title }) => !titles.get(file)?.has(title));
      expect(missing).toEqual([]);
    });
  }

  test("each rule is listed once, and every line of the page is read", () => {
    expect(stray).toEqual([]);
    expect(rules.length).toBeGreaterThan(50);
    expect(new Set(rules.map(({ words }) => words)).size).toBe(rules.length);
  });
});
