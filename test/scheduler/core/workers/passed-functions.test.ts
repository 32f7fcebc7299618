// Functions that clients pass: found by their digest among those that workers registered, under whatever
// name, and refused when no worker has them.

import { describe, expect, test } from "vitest";
import type { ToClient } from "../../../../src/wire/protocol.ts";
import { argsOf, run, Story, type Done } from "../story.ts";

const unknownTaskTimeoutMs = 100;

function stage() {
  const story = new Story({ unknownTaskTimeoutMs, maxAhead: 0 });
  const ann = story.client("ann");
  const pass = (name: string, digest: string, key = "a"): Done =>
    story.handle({
      type: "client-messages",
      from: "ann",
      messages: [{ type: "submit", name, digest, keys: [key], args: [argsOf(key)] }],
    });
  const join = (id: string, functions: string[], digests: string[]) => {
    const worker = story.worker(id, { functions, digests, slots: 4 });
    return { worker, done: worker.join() };
  };
  return { story, ann, pass, join };
}

function failuresIn(done: Done): [code: string, message: string][] {
  return (done["ann"] as Extract<ToClient, { type: "failed" }>[]).map(({ failure }) => [
    failure.code,
    failure.message,
  ]);
}

describe("a function that is passed", () => {
  test("runs where its digest is registered, whatever it is called there", () => {
    const { pass, join } = stage();
    join("w1", ["mul", "times"], ["p1", "m1"]);
    expect(pass("mul", "m1")).toEqual({ w1: [run("a", { name: "times", digest: "m1" })] });
  });

  test("does not run on a worker whose function of that name is another", () => {
    const { pass, join } = stage();
    join("w1", ["add"], ["a1"]);
    join("w2", ["add"], ["a2"]);
    expect(pass("add", "a2")).toEqual({ w2: [run("a", { name: "add", digest: "a2" })] });
    expect(pass("add", "a1", "b")).toEqual({ w1: [run("b", { name: "add", digest: "a1" })] });
  });

  test("is apart from others of its name, passed or not, while they wait", () => {
    const { ann, pass, join } = stage();
    join("w1", ["sub"], ["s1"]);
    pass("add", "a1", "a");
    pass("add", "a2", "b");
    ann.submit("add", ["c"]);
    expect(join("w2", ["add"], ["a2"]).done["w2"]).toEqual([
      run("b", { name: "add", digest: "a2" }),
      run("c", { name: "add" }),
    ]);
  });

  test("waits while no worker has joined, and runs when one that has it does", () => {
    const { pass, join } = stage();
    expect(pass("mul", "m1")).toEqual({});
    expect(join("w1", ["times"], ["m1"]).done["w1"]).toEqual([
      run("a", { name: "mul", digest: "m1" }),
    ]);
  });

  test("is refused with the registered names when no worker has it", () => {
    const { story, ann, pass, join } = stage();
    join("w1", ["sub", "add"], ["s1", "a1"]);
    const missing =
      'no worker has registered the function "add" that was passed: the registered "add" has another text';
    expect(pass("add", "wrapped")).toEqual({ log: [`${missing}; its tasks wait`] });
    expect(ann.explain("a").why).toBe(missing);
    expect(failuresIn(story.at(unknownTaskTimeoutMs))).toEqual([
      [
        "unknown-task",
        `submit it by its registered name, one of "add", "sub": ${missing}; ` +
          "a function is found by its name and text, which wrapping, bundling and minifying change",
      ],
    ]);
  });

  test("waits for its worker to come back, unless another version has taken its place", () => {
    const { story, pass, join } = stage();
    const { worker } = join("w1", ["add"], ["a1"]);
    join("w2", ["sub"], ["s1"]);
    pass("add", "a1");
    worker.lost();
    expect(story.at(10 * unknownTaskTimeoutMs)).toEqual({});
    join("w3", ["add"], ["a2"]);
    const [[code] = []] = failuresIn(story.at(11 * unknownTaskTimeoutMs));
    expect(code).toBe("unknown-task");
  });

  test("and called by its name is the same call under the same key", () => {
    const { ann, pass, join } = stage();
    join("w1", ["add", "sub"], ["a1", "s1"]);
    ann.submit("add", ["a"]);
    expect(pass("add", "a1")).toEqual({});
    expect(failuresIn(pass("sub", "s1"))[0]?.[0]).toBe("key-conflict");
  });

  test("is forgotten with its last task and its last worker", () => {
    const { story, ann, pass, join } = stage();
    const { worker } = join("w1", ["add"], ["a1"]);
    pass("add", "a1");
    worker.lost();
    ann.release("a");
    expect(story.state.functions.size).toBe(0);
  });
});
