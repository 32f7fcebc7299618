// What another user may have put in the way of a token. Only root can make files of others, so elsewhere this is left out.

import { mkdtempSync, statSync } from "node:fs";
import { chmod, lchown, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isPlanted } from "../../../src/meeting/exposure.ts";

const stranger = 54_321;

describe.runIf(process.getuid?.() === 0)("a file is planted", () => {
  let base: string;
  const at = (place: string) => path.join(base, place);
  const folder = async (place: string, uid: number, mode: number) => {
    await mkdir(at(place));
    await lchown(at(place), uid, uid);
    await chmod(at(place), mode);
  };
  const file = async (place: string, uid: number) => {
    await writeFile(at(place), "token");
    await lchown(at(place), uid, uid);
  };
  const link = async (place: string, to: string, uid: number) => {
    await symlink(at(to), at(place));
    await lchown(at(place), uid, uid);
  };

  beforeEach(async () => {
    base = mkdtempSync(path.join(tmpdir(), "thence-test-"));
    await chmod(base, 0o755);
    await folder("shared", 0, 0o1777);
    await folder("group", 0, 0o2775);
    await folder("theirs", stranger, 0o755);
    for (const each of ["shared", "group", "theirs"]) await file(`${each}/theirs`, stranger);
    await file("own", 0);
  });
  afterEach(() => rm(base, { recursive: true }));

  const expectPlanted = (place: string, expected: boolean) =>
    expect(isPlanted(at(place), statSync(at(place))), place).toBe(expected);

  test("when a stranger has put it where everybody may write", async () => {
    await folder("shared/folder", stranger, 0o755);
    await file("shared/folder/theirs", stranger);
    for (const place of ["shared/theirs", "shared/folder/theirs"]) expectPlanted(place, true);
    for (const place of ["group/theirs", "theirs/theirs", "own"]) expectPlanted(place, false);
    await file("shared/own", 0);
    await file("shared/folder/own", 0);
    for (const place of ["shared/own", "shared/folder/own"]) expectPlanted(place, false);
  });

  test("when his link leads to it, whosever it is", async () => {
    await link("shared/to-own", "own", stranger);
    await link("shared/to-group", "group", stranger);
    await link("to-link", "shared/to-own", 0);
    for (const place of ["shared/to-own", "shared/to-group/theirs", "to-link"])
      expectPlanted(place, true);
  });

  test("when a link of one's own leads to where it is", async () => {
    await link("to-planted", "shared/theirs", 0);
    await link("to-shared", "shared", 0);
    await link("home", "theirs", 0);
    await link("shared/to-own", "own", 0);
    for (const place of ["to-planted", "to-shared/theirs"]) expectPlanted(place, true);
    for (const place of ["home/theirs", "shared/to-own"]) expectPlanted(place, false);
  });

  test("though its folder gives way to a link between two looks", async () => {
    await folder("shared/folder", stranger, 0o755);
    await file("shared/folder/theirs", stranger);
    const found = statSync(at("shared/folder/theirs"));
    await rename(at("shared/folder"), at("shared/elsewhere"));
    await link("shared/folder", "group", stranger);
    expect(isPlanted(at("shared/folder/theirs"), found)).toBe(true);
  });
});
