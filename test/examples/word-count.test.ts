// The word count over all the Markdown there is here agrees with its own plain loop.

import path from "node:path";
import { expect, test } from "vitest";
import { examples, runExample } from "./run-example.ts";

const main = "word-count/main.ts";

test("counts the words of node_modules as a plain loop does", { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await runExample(main);
  expect(code, stderr).toBe(0);
  const [summary = "", ...rest] = stdout.trim().split("\n");
  const [files = 0, words = 0] = (summary.match(/\d+/g) ?? []).map(Number);
  expect(files).toBeGreaterThan(50);
  expect(words).toBeGreaterThan(files);
  expect(rest).toHaveLength(11);
  expect(rest.at(-1)).toBe("a plain loop says the same");
});

test("counts nothing in a folder without Markdown", async () => {
  const { code, stdout, stderr } = await runExample(main, path.join(examples, "mandelbrot"));
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^0 files, 0 words, 0 different/);
});
