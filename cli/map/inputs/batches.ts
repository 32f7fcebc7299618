// Batches: the rows of each job, by number (-N, -n, -L) or by the length of the command (-m, -X, -s).

import { UsageError } from "../../exit-code.ts";
import type { Row } from "../jobs/job.ts";

export type BatchRules = {
  /** The most rows of a job; undefined means as many as fit. */
  mostRows: number | undefined;
  /** The slots over which the rows of the last job are spread, for `-m` and `-X`. */
  spreadOver: number | undefined;
  /** The command must be shorter than this. */
  commandBytes: number;
};

/** Measures commands; the length must not shrink with more rows. */
export type Measure = { lengthOf(rows: readonly Row[]): number };

/**
 * Groups rows into jobs. A job that is full comes out at once, without waiting for the next row,
 * unless its rows may have to be spread.
 *
 * @param measure left out when there is no command, and so no limit
 */
export async function* batches(
  rows: AsyncIterable<Row>,
  rules: BatchRules,
  measure?: Measure,
): AsyncGenerator<readonly Row[]> {
  if (rules.mostRows === 1 && !measure) {
    for await (const row of rows) yield [row];
    return;
  }
  const { spreadOver } = rules;
  const ahead = new Ahead(rows);
  let mostRows = rules.mostRows ?? Infinity;
  let spread = false;
  for (;;) {
    const count = await fitting(ahead, mostRows, rules.commandBytes, measure);
    if (count === 0) return;
    if (
      spreadOver !== undefined &&
      !spread &&
      count > 1 &&
      (await ahead.hold(count + 1)) === count
    ) {
      spread = true;
      mostRows = Math.max(1, Math.ceil(count / spreadOver));
      continue;
    }
    yield ahead.take(count);
  }
}

/** How many of the next rows make the longest command that is allowed. */
async function fitting(
  ahead: Ahead,
  mostRows: number,
  commandBytes: number,
  measure: Measure | undefined,
): Promise<number> {
  if (!measure) return ahead.hold(mostRows);
  let fits = 0;
  let tooMany = Infinity;
  // Doubles the number until the command is too long, then halves the gap: that measures only a few
  // commands, however many rows fit.
  while (fits < mostRows && tooMany - fits > 1) {
    const wanted = tooMany === Infinity ? Math.max(1, fits * 2) : Math.floor((fits + tooMany) / 2);
    const count = await ahead.hold(Math.min(wanted, mostRows));
    if (count === fits) break;
    const bytes = measure.lengthOf(ahead.peek(count));
    if (bytes < commandBytes) fits = count;
    else if (count > 1) tooMany = count;
    else throw tooLong(ahead, bytes, commandBytes);
  }
  return fits;
}

function tooLong(ahead: Ahead, bytes: number, commandBytes: number): UsageError {
  const values = ahead.peek(1)[0]!.join(" ");
  const shown = values.length > 50 ? `${values.slice(0, 50)}…` : values;
  return new UsageError(
    `the command for input ${ahead.taken + 1} has ${bytes} bytes, ` +
      `and must have less than ${commandBytes}: ${shown}`,
  );
}

/** Rows that are read but in no job yet. */
class Ahead {
  /** The rows that went into jobs. */
  taken = 0;
  readonly #rows: AsyncIterator<Row>;
  #held: Row[] = [];
  /** The first of the held rows that is in no job. */
  #from = 0;
  #ended = false;

  constructor(rows: AsyncIterable<Row>) {
    this.#rows = rows[Symbol.asyncIterator]();
  }

  /** Reads until this many rows are held; answers how many are, up to that number. */
  async hold(count: number): Promise<number> {
    while (this.#held.length - this.#from < count && !this.#ended) {
      const next = await this.#rows.next();
      if (next.done) this.#ended = true;
      else this.#held.push(next.value);
    }
    return Math.min(count, this.#held.length - this.#from);
  }

  peek(count: number): readonly Row[] {
    return this.#held.slice(this.#from, this.#from + count);
  }

  take(count: number): readonly Row[] {
    const rows = this.peek(count);
    this.taken += count;
    this.#from += count;
    if (this.#from * 2 >= this.#held.length) {
      this.#held = this.#held.slice(this.#from);
      this.#from = 0;
    }
    return rows;
  }
}
