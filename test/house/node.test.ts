// The tests run on the Node they are said to run on, and so does what they start by its plain name.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const wanted = process.env["THENCE_TEST_NODE"] ?? "24";

test(`the tests run on Node ${wanted}`, () => {
  expect(`${process.versions.node}.`.startsWith(`${wanted}.`), process.version).toBe(true);
});

test("programs that the tests start run on the same Node", () => {
  expect(execFileSync("node", ["--version"], { encoding: "utf8" }).trim()).toBe(process.version);
});
