// Each room of the scheduler's core and of `thence map` opens with a README.md that lists its files.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./sources.ts";

describe.each(["scheduler/core", "cli/map"])("%s", (house) => {
  const top = path.join(root, house);
  const rooms = readdirSync(top, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

  describe.each(["", ...rooms])("README.md of /%s", (room) => {
    const folder = path.join(top, room);
    const text = readFileSync(path.join(folder, "README.md"), "utf8");

    test("names every file beside it", () => {
      const files = readdirSync(folder).filter((name) => /\.ts$/.test(name));
      expect(files.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    });

    test("names no file or folder that is not there", () => {
      const named = [...text.matchAll(/`([\w/-]+(?:\.ts|\/))`/g)].map(([, name]) => name!);
      const places = [folder, top, root];
      const missing = named.filter((name) => !places.some((at) => existsSync(path.join(at, name))));
      expect(missing).toEqual([]);
    });

    test("has the words it uses and what it must not know", () => {
      expect(text).toMatch(/^## What (it|the core) must not know$/m);
      expect(text).toMatch(/^- \*\*/m);
    });
  });

  test("its README.md names every room", () => {
    const text = readFileSync(path.join(top, "README.md"), "utf8");
    expect(rooms.filter((room) => !text.includes(`\`${room}/\``))).toEqual([]);
  });
});
