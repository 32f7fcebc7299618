// Sizes as people write them on a command line: `64KiB`, `4GiB`, `1.5GB`. In the code every size is
// a number of bytes, and its name ends in `Bytes`.

const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Reads a size such as `512MiB`, `4GiB` or `1.5GB` as bytes. The unit is required, because `4` alone
 * is ambiguous.
 *
 * @throws {RangeError} with the given text and the expected form
 * @example parseSize("4GiB") // 4294967296
 */
export function parseSize(text: string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)$/.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(amount) * (unitBytes[unit] ?? NaN));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new RangeError(
    `"${text}" is not a size: expected a number and a unit, like 512MiB, 4GiB or 1.5GB`,
  );
}

/**
 * Writes a size for people, rounded.
 *
 * @example sizeText(1) // "1 byte"
 * @example sizeText(3_000_000) // "2.9 MiB"
 */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${units[power - 1]!}`;
}
