// ARCHITECTURE.md is correct: its states are those of the table, and every file that it names exists.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { allowed } from "../../scheduler/core/tasks/transition.ts";
import { productFolders, root, sourcesUnder } from "./sources.ts";

const page = readFileSync(path.join(root, "ARCHITECTURE.md"), "utf8");

test("the states of a task are drawn as the table has them", () => {
  const drawn = /<!-- states:[^>]*-->\s*```\n([^`]*)```/.exec(page)?.[1];
  const widest = Math.max(...Object.keys(allowed).map((state) => state.length));
  const table = Object.entries(allowed).map(([from, next]) =>
    `${from.padEnd(widest)} → ${next.join(", ")}`.trimEnd(),
  );
  expect(drawn?.trimEnd().split("\n")).toEqual(table);
});

test("every file it names is there", () => {
  const named = [...page.matchAll(/`([\w/.-]+\.ts)`/g)].map(([, name]) => name!);
  const files = sourcesUnder(...productFolders).map(({ file }) => file);
  const missing = named.filter(
    (name) =>
      !existsSync(path.join(root, name)) && !files.some((file) => file.endsWith(`/${name}`)),
  );
  expect(missing).toEqual([]);
});
