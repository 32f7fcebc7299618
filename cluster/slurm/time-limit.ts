// Time limits of jobs: as this package writes durations, or as Slurm does.

import { parseDuration } from "../../src/duration.ts";

const minuteMs = 60_000;

/**
 * A time limit in whole minutes, as Slurm counts them, rounded up.
 *
 * @param time `1h30m`; or in Slurm's ways: minutes, `minutes:seconds`, `hours:minutes:seconds`,
 *   `days-hours`, `days-hours:minutes`, `days-hours:minutes:seconds`; or a number of milliseconds
 * @throws {RangeError} when it is none of these, or less than a second
 * @example timeLimitMinutes("1-12") // 2160
 */
export function timeLimitMinutes(time: string | number): number {
  const ms = typeof time === "number" ? time : (slurmMs(time.trim()) ?? ownMs(time));
  if (!(ms >= 1_000 && Number.isFinite(ms))) {
    throw new RangeError(`the time limit of a job is at least one second, not ${time}`);
  }
  return Math.ceil(ms / minuteMs);
}

function ownMs(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new RangeError(
      `"${text}" is not a time limit: expected a duration like 1h30m, or Slurm's own 1:30:00 or 1-12`,
    );
  }
}

/** Undefined when the text is not in one of Slurm's ways. */
function slurmMs(text: string): number | undefined {
  const [, days, clock = ""] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(text) ?? [];
  if (clock === "") return undefined;
  const parts = clock.split(":").map(Number);
  // With days the first part is hours; with two parts minutes and seconds; alone minutes.
  const [hours = 0, minutes = 0, seconds = 0] =
    days !== undefined || parts.length === 3 ? parts : [0, ...parts];
  return (((Number(days ?? 0) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
}
