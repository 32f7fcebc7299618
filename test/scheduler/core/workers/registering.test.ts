// A name means one function on all workers: when two of a name differ, the log says so.

import { expect, test } from "vitest";
import { Story, type Done } from "../story.ts";

const joined = "worker w2 joined: 1 slot, 2 functions";

function secondJoins(digests: string[] | undefined): Done[string] | undefined {
  const story = new Story();
  story.worker("w1", { functions: ["add", "sub"], digests: ["a1", "s1"] }).join();
  return story.worker("w2", { functions: ["sub", "add"], ...(digests && { digests }) }).join().log;
}

test("workers with the same functions are nothing to speak of", () => {
  expect(secondJoins(["s1", "a1"])).toEqual([joined]);
  expect(secondJoins(undefined)).toEqual([joined]);
});

test("a worker whose function of a name is another one is warned of, with the names", () => {
  expect(secondJoins(["s1", "a2"])).toEqual([
    "start all workers with the same modules: w2 and w1 have different functions under the same " +
      "names, and it is left to chance which one runs: add",
    joined,
  ]);
});

test("once those with the old one have left, the new one is the one", () => {
  const story = new Story();
  const old = story.worker("w1", { functions: ["add"], digests: ["a1"] });
  old.join();
  old.lost();
  const [first, second] = ["w2", "w3"].map((id) =>
    story.worker(id, { functions: ["add"], digests: ["a2"] }).join(),
  );
  expect(first!.log).toEqual(["worker w2 joined: 1 slot, 1 function"]);
  expect(second!.log).toEqual(["worker w3 joined: 1 slot, 1 function"]);
});
