// What is said of files with tokens that are open to others, or closed to this user.

import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { warnOfExposure, whyUnreadable } from "../../../src/meeting/exposure.ts";

const stranger = 54_321;

function as(uid: number): void {
  const getuid = vi.spyOn(process, "getuid").mockReturnValue(uid);
  onTestFinished(() => getuid.mockRestore());
}

describe("of a file that others can read", () => {
  test.each([
    [stranger, /run code as you: chmod 600 \S+, and give the scheduler a new token$/],
    [0, /run code as you: chmod 600/],
    [
      1,
      /run code as user 54321: ask user 54321, whose it is, for chmod 600 \S+ and a new token, or/,
    ],
  ])("user %i is told what that user can do", (uid, words) => {
    as(uid);
    const warnings: string[] = [];
    const stats = { mode: 0o100_644, uid: stranger };
    warnOfExposure("the file", `/nowhere/${uid}`, stats, (text) => warnings.push(text));
    expect(warnings).toEqual([expect.stringMatching(words)]);
  });
});

test("a file that is closed to this user tells whose it is, and what to ask for", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "s.json");
  await writeFile(file, "{}");
  await chmod(file, 0o600);
  const refused = Object.assign(new Error("EACCES: denied"), { code: "EACCES" });
  expect(whyUnreadable(file, refused)).toBe("EACCES: denied");
  as(stranger);
  expect(whyUnreadable(file, refused)).toBe(
    `EACCES: denied: it belongs to ${userInfo().username}, whom you can ask for a file with a view token, ` +
      "which `thence token --view` prints",
  );
  expect(whyUnreadable(path.join(file, "beneath"), refused)).toBe("EACCES: denied");
  expect(whyUnreadable(file, new Error("other"))).toBe("other");
});
