// What a worker makes of the modules it is given, and what it refuses to start with.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { moduleSource } from "../../../cluster/module-source.ts";
import { functionDigest } from "../../../src/function-digest.ts";
import { ModuleError } from "../../../worker/boundary/module-source.ts";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

const load = async (...sources: (string | [name: string, file: string])[]) => {
  const modules = sources.map((source) =>
    typeof source === "string"
      ? { path: fixture(source) }
      : { name: source[0], path: fixture(source[1]) },
  );
  return CallsUnderTest.start({ modules, threads: 2 });
};

describe("modules", () => {
  test("register their exported functions, and nothing else, under their own names", async () => {
    const worker = await load("arithmetic.ts", "modules/plain.js");
    expect(worker.calls.functions).toEqual(["add", "sub", "twice"]);
    expect(await worker.call("twice", 4)).toBe(8);
  });

  test("with a name register them under it, so that two can have the same functions", async () => {
    const worker = await load("arithmetic.ts", ["more", "modules/more-arithmetic.ts"]);
    expect(worker.calls.functions).toEqual(["add", "sub", "more.add"]);
    expect(await worker.call("more.add", 1, 2, 3)).toBe(6);
  });

  test("of CommonJS register everything that require gives", async () => {
    const worker = await load("modules/required.cjs", ["more", "modules/required-more.cjs"]);
    expect(worker.calls.functions).toEqual([
      ...["add", "sub", "times", "fromBase", "lazy", "one", "two", "more.times", "more.negate"],
    ]);
    expect(await worker.call("fromBase", 1)).toBe(11);
  });

  test.each([
    ["a class with static functions", "module.exports = class { static add() {} };", ["add"]],
    [
      "an instance",
      "class Jobs { add() {} } module.exports = new Jobs(); module.exports.sub = () => 1;",
      ["sub", "add"],
    ],
    [
      "a module that was compiled from an ES module",
      "exports.__esModule = true; exports.default = () => 0; exports.add = () => 1;",
      ["add"],
    ],
    ["one that requires all of another", "module.exports = { ...require('./b.cjs') };", ["b"]],
  ])("of CommonJS may be %s", async (_, text, names) => {
    const directory = await mkdtemp(join(tmpdir(), "thence-modules-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, "b.cjs"), "exports['b'] = () => 'b';");
    await writeFile(join(directory, "a.cjs"), text);
    const modules = [{ path: join(directory, "a.cjs") }];
    expect((await CallsUnderTest.start({ modules })).calls.functions).toEqual(names);
  });

  test("give each function a digest of its own, which is in doubt for none", async () => {
    const worker = await load("modules/renamed.ts");
    const { functions, digests } = worker.calls;
    expect(new Set(digests).size).toBe(functions.length);
    const exports = Object.entries(await import("../../fixtures/modules/renamed.ts"));
    const found = exports.flatMap(([name, task]) =>
      digests[functions.indexOf(name)] === functionDigest(task) ? [name] : [],
    );
    expect(found.sort()).toEqual(["describeAll", "memoised", "plus", "times"]);
  });

  test("that are neither a file nor a package are refused with both", async () => {
    const modules = [moduleSource("@acme/nowhere")];
    const error: unknown = await CallsUnderTest.start({ modules }).catch((error: unknown) => error);
    expect((error as Error).message).toMatch(
      /no such file, and no such package: Cannot find package '@acme\/nowhere'/,
    );
  });

  test.each([
    [
      "throws while loading",
      ["modules/broken.ts"],
      [/broken\.ts/, /no licence found \(file:.*broken\.ts:\d+:\d+\)/],
    ],
    ["is not there", ["modules/missing.ts"], [/missing\.ts/, /no such file/]],
    ["exports no function", ["modules/constants.ts"], [/constants\.ts/, /exports no function/]],
    ["exports none by name", ["modules/only-default.ts"], [/only-default\.ts/, /default export/]],
    [
      "exports a name that another has",
      ["arithmetic.ts", "modules/more-arithmetic.ts"],
      [/\/arithmetic\.ts/, /more-arithmetic\.ts/, /"add"/],
    ],
    ["is named twice", ["arithmetic.ts", "arithmetic.ts"], [/arithmetic\.ts is named twice/]],
  ])("a worker does not start with one that %s", async (_, sources, words) => {
    const error: unknown = await load(...sources).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ModuleError);
    for (const word of words) expect((error as Error).message).toMatch(word);
  });

  test("a worker does not start with one that is no JavaScript; it says where", async () => {
    const directory = await mkdtemp(join(tmpdir(), "thence-modules-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, "half.js");
    await writeFile(path, "\nexport const half = (\n");
    const error: unknown = await CallsUnderTest.start({ modules: [{ path }] }).catch(
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(ModuleError);
    expect((error as Error).message).toMatch(/half\.js does not load: SyntaxError/);
  });

  test("the cause of one that throws is kept, with its remote stack", async () => {
    const error = (await load("modules/broken.ts").catch((error: unknown) => error)) as ModuleError;
    expect(error.cause).toMatchObject({ message: "no licence found" });
    expect((error.cause as Error).stack).toContain("broken.ts");
  });

  test("one that ends its thread while loading is an error, not a wait", async () => {
    const error: unknown = await load("modules/exits.ts").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ModuleError);
    expect((error as Error).message).toMatch(/exits\.ts.*exit code 9/s);
  });
});
