// The tests, and programs that they start by the name `node`, run on the expected version of Node.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const wanted = process.env["THENCE_TEST_NODE"] ?? "24";

test(`the tests run on Node ${wanted}`, () => {
  expect(`${process.versions.node}.`.startsWith(`${wanted}.`), process.version).toBe(true);
});

test("programs that the tests start run on the same Node", () => {
  expect(execFileSync("node", ["--version"], { encoding: "utf8" }).trim()).toBe(process.version);
});
