// Durations as people write them on a command line: `500ms`, `10s`, `5m`, `2h`, `1h30m`. In the code
// every duration is a number of milliseconds, and its name ends in `Ms`.

/** The longest time that `setTimeout` can wait, 24 days. With a longer one it fires at once. */
export const longestTimerMs = 2 ** 31 - 1;

const unitMs = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
type Unit = keyof typeof unitMs;

const part = /(\d+(?:\.\d+)?)(ms|s|m|h)/gy;

/**
 * Reads a duration such as `500ms`, `1.5s`, `5m`, `2h` or `1h30m` as milliseconds. A bare `0` is
 * allowed; other numbers need a unit, because `10` alone is ambiguous.
 *
 * @throws {RangeError} with the given text and the expected form
 * @example parseDuration("5m") // 300000
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (trimmed === "0") return 0;
  let milliseconds = 0;
  let end = 0;
  for (const [whole, amount, unit] of trimmed.matchAll(part)) {
    milliseconds += Number(amount) * unitMs[unit as Unit];
    end += whole.length;
  }
  if (end === 0 || end < trimmed.length) {
    throw new RangeError(
      `"${text}" is not a duration: expected a number and a unit, like 500ms, 10s, 5m, 2h or 1h30m`,
    );
  }
  if (milliseconds > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(`"${text}" is too long a duration`);
  }
  return Math.round(milliseconds);
}

/**
 * Writes a duration for people, exact to the millisecond; `parseDuration` reads it back.
 *
 * @example formatDuration(5_400_000) // "1h30m"
 */
export function formatDuration(milliseconds: number): string {
  let rest = Math.round(milliseconds);
  let text = "";
  for (const [unit, size] of Object.entries(unitMs)) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest %= size;
  }
  return text || "0ms";
}

/**
 * Writes a duration in a unit that a person reads, rounded, for messages.
 *
 * @example durationText(5_097_600_000) // "59 days"
 */
export function durationText(milliseconds: number): string {
  const [size, unit] =
    milliseconds < 10_000
      ? [1, "ms"]
      : milliseconds < 120_000
        ? [1_000, "s"]
        : milliseconds < 2 * unitMs.h
          ? [unitMs.m, "min"]
          : milliseconds < 48 * unitMs.h
            ? [unitMs.h, "h"]
            : [24 * unitMs.h, "days"];
  const amount = Math.round((milliseconds / size) * 10) / 10;
  return `${unit === "days" ? amount.toLocaleString("en") : amount} ${unit}`;
}
