// Sizes as people write them on a command line: `64KiB`, `4GiB`, `1.5GB`. Inside the program every
// size is a number of bytes in a name that ends in `Bytes`.

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
 * Bytes of a size such as `512MiB`, `4GiB` or `1.5GB`. A number needs a unit, for nobody can tell
 * whether `4` meant gibibytes.
 *
 * @throws {RangeError} saying what was got and what is expected
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
