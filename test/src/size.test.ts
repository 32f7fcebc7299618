// Sizes as people write them.

import { describe, expect, test } from "vitest";
import { formatSize, parseSize } from "../../src/size.ts";

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
  [1, "1 byte"],
  [1_000, "1000 bytes"],
  [1_536, "1.5 KiB"],
  [300 * 2 ** 20, "300 MiB"],
  [2 ** 20 - 1, "1 MiB"],
  [2 ** 31, "2 GiB"],
])("%i bytes are written as %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});
