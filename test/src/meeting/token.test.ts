// The sources of a token; errors never contain one.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { givenToken, mintToken } from "../../../src/meeting/token.ts";

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), "thence-test-"))));
afterAll(() => rm(directory, { recursive: true }));

test("a new token is 256 random bits that are safe in a header, and never the same", () => {
  const tokens = new Set(Array.from({ length: 1_000 }, mintToken));
  expect(tokens.size).toBe(1_000);
  for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/);
});

describe("a token that was given", () => {
  test("is found in the option, the file, the environment and the file it names, in this order", async () => {
    const optionFile = join(directory, "option");
    const environmentFile = join(directory, "environment");
    await writeFile(optionFile, "from-option-file\n");
    await writeFile(environmentFile, "  from-environment-file\n");
    const environment = { THENCE_TOKEN: "from-environment", THENCE_TOKEN_FILE: environmentFile };

    expect(await givenToken({ token: "own", tokenFile: optionFile, environment })).toBe("own");
    expect(await givenToken({ tokenFile: optionFile, environment })).toBe("from-option-file");
    expect(await givenToken({ environment })).toBe("from-environment");
    const { THENCE_TOKEN_FILE } = environment;
    expect(await givenToken({ environment: { THENCE_TOKEN_FILE } })).toBe("from-environment-file");
    expect(await givenToken({ environment: { THENCE_TOKEN: "" } })).toBeUndefined();
  });

  test("may be that of a scheduler file, whose addresses do not count then", async () => {
    const tokenFile = join(directory, "scheduler.json");
    await writeFile(tokenFile, JSON.stringify({ urls: ["ws://10.0.0.1:1"], token: "in-json" }));
    expect(await givenToken({ tokenFile, environment: {} })).toBe("in-json");
    await writeFile(tokenFile, "{no-json}\n");
    expect(await givenToken({ tokenFile, environment: {} })).toBe("{no-json}");
  });

  test("is refused without being shown when it could not stand in a header", async () => {
    for (const token of ["", "two words", "line\nbreak", "caf\u00e9"]) {
      await expect(givenToken({ token, environment: {} })).rejects.toThrow(
        /^the given token must be 1 to 4096 printable ASCII characters without spaces$/,
      );
    }
  });

  test("is missed by name when its file is not there, or empty", async () => {
    const absent = join(directory, "absent");
    await expect(givenToken({ tokenFile: absent, environment: {} })).rejects.toThrow(
      `cannot read the token file ${absent}`,
    );
    const empty = join(directory, "empty");
    await writeFile(empty, "\n");
    await expect(givenToken({ tokenFile: empty, environment: {} })).rejects.toThrow(
      `the token in ${empty} must be`,
    );
  });
});
