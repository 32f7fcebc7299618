// The rooms of worker/: which of them may import which, and that no imports go in a circle.

import path from "node:path";
import { describe, expect, test } from "vitest";
import { root, sourcesUnder, type Source } from "../house/sources.ts";
import { existsSync } from "node:fs";

/** The rooms that the files of a room may import; types may come from any room. */
const allowed: Record<string, readonly string[]> = {
  boundary: [],
  processes: ["boundary"],
  process: ["boundary", "processes"],
  thread: ["boundary", "process"],
  pool: ["boundary", "process", "processes"],
  results: ["boundary"],
  calls: ["boundary", "pool", "results"],
};

/** Loaded by a new thread, and not by the file that names it. */
const threadEntry = "worker/thread/entry.ts";

const sources = sourcesUnder("worker");
const roomOf = (file: string): string | undefined => /^worker\/([\w-]+)\//.exec(file)?.[1];
const loads = ({ imports }: Source): string[] =>
  imports.flatMap(({ file, typeOnly }) =>
    file?.startsWith("worker/") && !typeOnly && file !== threadEntry ? [file] : [],
  );

describe("the rooms of the worker", () => {
  test("each opens with a page that says what it holds", () => {
    const rooms = Object.keys(allowed);
    expect([...new Set(sources.flatMap(({ file }) => roomOf(file) ?? []))].sort()).toEqual(
      rooms.sort(),
    );
    const pages = ["worker", ...rooms.map((room) => `worker/${room}`)];
    const missing = pages.filter((room) => !existsSync(path.join(root, room, "README.md")));
    expect(missing).toEqual([]);
  });

  test("import only the rooms below them", () => {
    const offences = sources.flatMap((source) => {
      const room = roomOf(source.file);
      if (room === undefined) return [];
      const isForeign = (file: string) =>
        roomOf(file) !== room && !allowed[room]!.includes(roomOf(file) ?? "");
      return loads(source)
        .filter(isForeign)
        .map((file) => `${source.file} imports ${file}`);
    });
    expect(offences).toEqual([]);
  });

  test("have no imports in a circle", () => {
    const bySource = new Map(sources.map((source) => [source.file, source]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, above: readonly string[]): void => {
      const place = above.indexOf(file);
      if (place !== -1) circles.push([...above.slice(place), file].join(" → "));
      if (place !== -1 || done.has(file)) return;
      for (const next of loads(bySource.get(file)!)) visit(next, [...above, file]);
      done.add(file);
    };
    for (const { file } of sources) visit(file, []);
    expect(circles).toEqual([]);
  });
});
