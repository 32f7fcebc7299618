// Durations as people write them on a command line: `500ms`, `10s`, `5m`, `2h`, `1h30m`, `1d`. In the code
// every duration is a number of milliseconds, and its name ends in `Ms`.

/** The longest time that `setTimeout` can wait, 24 days. With a longer one it fires at once. */
export const longestTimerMs = 2 ** 31 - 1;

const unitMs = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
/** Days are read and not written: 36h is as plain as 1d12h. */
const readUnitMs = { ...unitMs, d: 86_400_000 } as const;
type Unit = keyof typeof readUnitMs;

const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy;

/**
 * Reads a duration such as `500ms`, `1.5s`, `5m`, `2h`, `1h30m` or `1d` as milliseconds. A bare `0` is
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
    milliseconds += Number(amount) * readUnitMs[unit as Unit];
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

const longMs = { day: 86_400_000, hour: 3_600_000, minute: 60_000 } as const;

/**
 * Writes a duration in a sentence, in the one unit that a person would choose.
 *
 * @example describeDuration(5_097_600_000) // "59 days"
 * @example describeDuration(1_500) // "1.5 s"
 */
export function describeDuration(milliseconds: number): string {
  for (const [unit, size] of Object.entries(longMs)) {
    const amount = milliseconds / size;
    if (amount < 1) continue;
    const rounded = Number(amount.toFixed(amount < 10 ? 1 : 0));
    return `${rounded.toLocaleString("en")} ${unit}${rounded === 1 ? "" : "s"}`;
  }
  if (milliseconds < 100) return `${Math.round(milliseconds)} ms`;
  return `${Number((milliseconds / 1_000).toFixed(milliseconds < 1_000 ? 3 : 1))} s`;
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
