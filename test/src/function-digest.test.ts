// One function has one digest, whichever tools its text came through, and another function has another.

import { stripTypeScriptTypes } from "node:module";
import ts from "typescript";
import { transformWithOxc } from "vite";
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
    [
      "imports in an object",
      "async (x) => ({ sum: await sum(x) })",
      "async (x) => ({ sum: await (0, sums_1.sum)(x) })",
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

  test.each([
    ["x => x * (x + y)", "x => x * x + y"],
    ["() => a - (b - c)", "() => a - b - c"],
    ["() => (a, b)", "() => [a, b]"],
    ["() => -(a ** b)", "() => (-a) ** b"],
    ["() => (a ? b : c) ? d : e", "() => a ? b : c ? d : e"],
    ["() => (a ?? b) && c", "() => a ?? (b && c)"],
    ["() => (a?.b).c", "() => a?.b.c"],
    ["() => new (a().b)()", "() => new a().b()"],
    ["() => (x => x)(y)", "() => x => x(y)"],
    ["() => (await a).b", "() => await a.b"],
    ["() => f(g)(h)", "() => f(g(h))"],
    ["x => ({ a: x })", "x => { a: x }"],
    ["() => run()", "() => run"],
    ["() => new A().b", "() => new A.b()"],
    ["() => { for (let x = (a in b); ;) c }", "() => { for (let x = a in b) c }"],
    ["() => - -a", "() => --a"],
    ["() => { if (a); b() }", "() => { if (a) b() }"],
    ["() => { if (a)\n b() }", "() => { if (a); b() }"],
    ["() => { for (; a;); }", "() => { for (a; ;); }"],
    ["() => { while (a()); { b() } }", "() => { while (a()) { b() } }"],
    ["() => { return\n1 }", "() => { return 1 }"],
    ["() => { return /*\n*/ 1 }", "() => { return 1 }"],
    ["() => { a\n++b }", "() => { a++\nb }"],
    ["() => { get\n++b }", "() => { get++\nb }"],
    ["() => { x = {}; (a) }", "() => { x = {} (a) }"],
    ["() => { x = a; (b) }", "() => { x = a\n(b) }"],
    ["() => { for (;;) { break\na } }", "() => { for (;;) { break a } }"],
    ["function* f() { yield\na }", "function* f() { yield a }"],
    ["() => class { get; x() {} }", "() => class { get\nx() {} }"],
    ["(p_1, p_2) => p_1.x", "(p_1, p_2) => p_2.x"],
    ["() => p_1.x", "() => p_2.x"],
    ["(row_1, id) => row_1.id", "(row_1, id) => id"],
    ["() => row_1.id", "() => id"],
    ["(m_1, f) => (0, m_1.f)(1)", "(m_1, f) => f(1)"],
    ["(f) => (0, m_1.f)(f)", "(f) => f(f)"],
    ["() => (0, m_1.f)(1) + (0, m_2.f)(1)", "() => f(1) + f(1)"],
    ["() => (0, m_1.f)(1)", "() => (0, m_1.g)(1)"],
    ["() => g(0, m_1.f)", "() => g(f)"],
    ["() => __name(a)", "() => a"],
    ["() => x = __name(a, b)", "() => x = a"],
    ["(__name) => __name(a, 'a')", "(__name) => a"],
    ["() => tag`\\x41`", "() => tag`A`"],
    ["() => get`\\x41`", "() => get`A`"],
    ["() => String.raw`\\n`", "() => String.raw`\n`"],
    ["() => String.raw`\\n${a}`", "() => String.raw`\n${a}`"],
    ["() => `${a}b ;c`", "() => `${a}b;c`"],
    ["() => tag`a`", "() => tag('a')"],
    ["() => '\\0'", "() => '0'"],
    ["() => '\\X41'", "() => 'A'"],
    ["() => '\\1'", "() => '\\\\1'"],
    ["() => `\r\n`", "() => '\\r\\n'"],
    ["() => 010", "() => 10"],
    ["() => [a, , ]", "() => [a, ]"],
    ["() => [, ]", "() => []"],
    ["() => { if (a) /b c/.test(d) }", "() => { if (a) /bc/.test(d) }"],
    ["() => { {} /b c/.test(d) }", "() => { {} /bc/.test(d) }"],
    ["() => a++ / b('/ x;y')", "() => a++ / b('/ x y')"],
    ["() => a.return / b('/ x;y')", "() => a.return / b('/ x y')"],
  ])("%s is not %s", (one, other) => {
    expect(digestOf(one)).not.toBe(digestOf(other));
  });

  test.each([
    "(a: any, b: number) => ((a && b) || 1) + (a.b as number) * (b % 3) - ((a - b) - (1 - b))",
    "(a: any) => { return (a as { b: number }).b * (2 + a!.c) }",
    "(a: number[]) => a.map((x) => ({ x, y: x as unknown as string }))",
    "async (a: any) => { const b = await (a as Promise<any>); return (await b).c }",
    "(a: any) => { let b = 1\n  b++\n  if (a) b = 2\n  else b = 3\n  for (; b < 9;) b++\n  return `${b} of ${`${a!}`}` }",
    "(a: any) => { const o = { a: 1, f() { return 'it\\'s' } }; if (o) { a() } a.b(o); return; }",
    "(x: unknown): x is string => typeof x === 'string' && /[\"'`/]+/.test(x)",
    "(a: any) => { while (a.next()); class B { c = 1; get d() { return this.c } } return new B().d }",
    "(a: any) => a ? (b: number) => -b : ((a.c ??= 2), [...a, (() => 3)()])",
    "(a: any) => { try { throw new Error(`no ${a}`) } catch { return String.raw`\\n` } finally { a?.b?.() } }",
  ])("is one of what Node, TypeScript and Oxc make of %s", async (source) => {
    const code = `export const f = ${source};`;
    const compilerOptions = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
    const outputs = [
      stripTypeScriptTypes(code),
      ts.transpileModule(code, { compilerOptions }).outputText,
      (await transformWithOxc(code, "f.ts", { target: "esnext" })).code,
    ];
    const texts = outputs.map((output) => /^export const f = ([^]*?);?\s*$/.exec(output)![1]!);
    expect(new Set(texts.map((text) => digestOf(text))).size, texts.join("\n")).toBe(1);
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
