// The rooms of cli/map: which of them may import which.

import { expect, test } from "vitest";
import { sourcesUnder } from "../../house/sources.ts";

/** The rooms that the files of a room may import; types may come from any room. */
const allowed: Record<string, readonly string[]> = {
  inputs: [],
  template: [],
  output: [],
  saved: ["inputs"],
  "command-line": ["inputs"],
  jobs: ["command-line", "inputs", "template"],
  work: ["command-line", "jobs", "template"],
};

const roomOf = (file: string | undefined): string | undefined =>
  /^cli\/map\/([\w-]+)\//.exec(file ?? "")?.[1];
const sources = sourcesUnder("cli").filter(({ file }) => file.startsWith("cli/map/"));

test("the table has every room", () => {
  const rooms = new Set(sources.flatMap(({ file }) => roomOf(file) ?? []));
  expect([...rooms].sort()).toEqual(Object.keys(allowed).sort());
});

test("rooms import only the rooms below them, and no file above", () => {
  const offences = sources.flatMap(({ file, imports }) => {
    const room = roomOf(file);
    if (room === undefined) return [];
    return imports
      .filter(({ file: target, typeOnly }) => target?.startsWith("cli/map/") && !typeOnly)
      .filter(({ file: target }) => {
        const other = roomOf(target);
        return other !== room && !(other && allowed[room]!.includes(other));
      })
      .map(({ file: target }) => `${file} imports ${target}`);
  });
  expect(offences).toEqual([]);
});
