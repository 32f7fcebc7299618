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
 * Writes a size for people, to three digits or so.
 *
 * @example formatSize(1) // "1 byte"
 * @example formatSize(300 * 2 ** 20) // "300 MiB"
 */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  let amount = bytes;
  let unit = "";
  for (const larger of ["KiB", "MiB", "GiB", "TiB"]) {
    if (Math.round(amount) < 1024) break;
    amount /= 1024;
    unit = larger;
  }
  return `${Number(amount.toFixed(amount < 100 ? 1 : 0))} ${unit}`;
}

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
