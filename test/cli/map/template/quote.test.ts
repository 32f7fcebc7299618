// Quoting for the shell: the bytes of GNU Parallel, and a real shell that reads them back.

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shellQuote } from "../../../../cli/map/template/quote.ts";
import { hasParallel, parallel } from "../parallel.ts";

const texts = fc.array(
  fc.oneof(
    fc.string({ unit: fc.constantFrom(..."ab'\"`$\\ *?~#-!=\n\té日"), maxLength: 8 }),
    fc.string({ unit: "binary", maxLength: 8 }).filter((text) => !text.includes("\0")),
  ),
  { minLength: 100, maxLength: 200 },
);

describe("shellQuote", () => {
  test.each([
    ["", "''"],
    ["a-b_c.d+/9", "a-b_c.d+/9"],
    ["a b", "'a b'"],
    ["it's", `'it'"'"'s'`],
    ["'", `"'"`],
    ["''a'", `"'"''"'"'a'"'"`],
    ["~", "'~'"],
    ["é", "'é'"],
    ["a\n", "'a\n'"],
  ])("quotes %j as %j", (text, quoted) => {
    expect(shellQuote(text)).toBe(quoted);
  });

  test("a shell reads back what was quoted", () => {
    fc.assert(
      fc.property(texts, (all) => {
        const valid = all.map((text) => text.toWellFormed());
        const command = `printf '%s\\0' ${valid.map(shellQuote).join(" ")}`;
        expect(execFileSync("sh", ["-c", command], { encoding: "utf8" })).toBe(
          valid.map((text) => `${text}\0`).join(""),
        );
      }),
      { numRuns: 20 },
    );
  });

  test.skipIf(!hasParallel)("quotes as GNU Parallel does", () => {
    fc.assert(
      fc.property(texts, (all) => {
        const valid = all.map((text) => text.toWellFormed());
        // Each value is a word of its own, between spaces, in one command.
        const input = valid.map((text) => `${text}\0`).join("");
        const line = ["--dry-run", "-0", "-j1", "-n1000", "echo", "{}"];
        const { stdout } = parallel(line, { input, encoding: "utf8" });
        expect(stdout).toBe(`echo ${valid.map(shellQuote).join(" ")}\n`);
      }),
      { numRuns: 5 },
    );
  });
});
