// One function has one digest, whichever tools its text came through, and another function has another.

import { describe, expect, test, vi } from "vitest";
import { functionDigest, hasNoText } from "../../src/function-digest.ts";

/** The digest of a function of that text, and of that name, which is no part of it. */
function digestOf(text: string, name = "f"): string {
  const task = () => undefined;
  Object.defineProperty(task, "name", { value: name });
  const spy = vi.spyOn(Function.prototype, "toString").mockReturnValue(text);
  try {
    return functionDigest(task);
  } finally {
    spy.mockRestore();
  }
}

describe("the digest of a function", () => {
  test.each([
    ["types that were blanked out", "(x        , y        )         => x + y", "(x, y) => x + y"],
    ["parentheses and semicolons", "x => { return (x * 2); }", "(x) => {\n  return x * 2\n}"],
    ["comments", "(x) => /* it's `that` */ x // or \"this\n", "(x) => x"],
    ["trailing commas", "(\n  x,\n  y,\n) => [x, y,]", "(x, y) => [x, y]"],
    ["quotes", `() => 'it\\'s "é"'`, '() => "it\'s \\"\\xE9\\""'],
    ["quotes of a template", `() => 'it\\'s "that"'`, '() => `it\'s "that"`'],
    ["blanks in a template", "(x) => `${x          } of it`", "(x) => `${x} of it`"],
    [
      "imports in a template",
      "(x) => `${sum( x )} all`",
      "(x) => `${(0,__vite_ssr_import_0__.sum)(x)} all`",
    ],
    ["numbers", "() => 1_000 + .5 + 0xff", "() => 1e3 + 0.5 + 255"],
    ["undefined", "() => ({ a: undefined })", "() => ({ a: void 0 })"],
    [
      "imports in Vitest",
      "(x) => sum(x) + base.y",
      "(x) => (0,__vi_import_0__.sum)(x) + __vi_import_1__.base.y",
    ],
    ["imports in CommonJS", "(x) => sum(x)", "(x) => (0, import_sums.sum)(x)"],
    ["imports by tsc", "(x) => sum(x)", "(x) => (0, sums_js_1.sum)(x)"],
    [
      "names that are kept",
      "() => { const a = (x) => x; return a }",
      '() => { const a = /* @__PURE__ */ __name((x) => x, "a"); return a; }',
    ],
    [
      "declarations that are kept",
      "() => { function a() {} return a() }",
      '() => { function a() { } __name(a, "a"); return a(); }',
    ],
    [
      "classes that are kept",
      "() => { class A { x = 1 } }",
      '() => { class A { static { __name(this, "A"); } x = 1; } }',
    ],
    [
      "regular expressions",
      "(x) => x.replace(/[\"'`/]+/g, '') / 2 / 3",
      'x => x.replace(/["\'`/]+/g, "") / 2 / 3',
    ],
  ])("is the same whatever becomes of %s", (_, one, other) => {
    expect(digestOf(other)).toBe(digestOf(one));
  });

  test.each([
    ["an operator", "(x, y) => x + y", "(x, y) => x - y"],
    ["a constant", "(x) => x * 2", "(x) => x * 3"],
    ["a text", '() => "a b"', '() => "ab"'],
    ["a name", "(x) => sum(x)", "(x) => product(x)"],
    ["async", "(x) => x", "async (x) => x"],
    ["a minifier", "(rows, size) => rows / size", "(t,e)=>t/e"],
    ["a wrapper", "(x) => x * 2", "(...args) => task(...args)"],
    ["a pattern", "(x) => /a'/.test(x)", "(x) => /b'/.test(x)"],
  ])("differs with %s", (_, one, other) => {
    expect(digestOf(other)).not.toBe(digestOf(one));
  });

  test("differs with its own name, and with a salt", () => {
    const text = "() => 1";
    expect(digestOf(text, "one")).not.toBe(digestOf(text, "uno"));
    const task = () => 1;
    expect(functionDigest(task, "salt")).not.toBe(functionDigest(task));
  });

  test("is made in bounded time, of a text that is no function too", () => {
    const text = "`${".repeat(5_000);
    expect(digestOf(text)).toMatch(/^[\da-f]{16}$/);
  });

  test("is not to be made of what has no text", () => {
    expect([Math.max, digestOf.bind(null), new Proxy(digestOf, {})].every(hasNoText)).toBe(true);
    expect([digestOf, () => "[native code]"].some(hasNoText)).toBe(false);
  });
});
