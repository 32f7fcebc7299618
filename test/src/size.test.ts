// Sizes as people write them.

import { describe, expect, test } from "vitest";
import { parseSize, sizeText } from "../../src/size.ts";

describe("a size", () => {
  test.each([
    ["512B", 512],
    ["64KiB", 65_536],
    ["1.5GB", 1_500_000_000],
    ["4GiB", 4 * 2 ** 30],
    [" 2 MiB ", 2 * 2 ** 20],
  ])("%s is %i bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["4", "", "GiB", "-1GB", "1gb", "1e3MB", "99999999TiB"])("%s is none", (text) => {
    expect(() => parseSize(text)).toThrow(/is not a size/);
  });
});

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [1_023, "1023 bytes"],
  [1_024, "1 KiB"],
  [3_000_000, "2.9 MiB"],
  [1.5 * 2 ** 30, "1.5 GiB"],
  [2 ** 52, "4096 TiB"],
])("%i are %s in a message", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
