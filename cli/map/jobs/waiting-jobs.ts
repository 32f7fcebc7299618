// The jobs that the inputs are: rows in batches, or blocks of standard input, numbered in their
// order. Those that do not pass the filters count, too.

import { batches, type Measure } from "../inputs/batches.ts";
import { compileFilters } from "../template/filter.ts";
import type { Row } from "./job.ts";
import type { MapOptions } from "../command-line/map-options.ts";
import type { Template, TemplateSettings } from "../template/template.ts";
import type { WaitingJob } from "./work.ts";

/** @param template of the command, whose length is limited; a function has none */
export async function* jobsOfRows(
  rows: AsyncIterable<Row>,
  { batches: rules, filters }: MapOptions,
  settings: TemplateSettings,
  template: Template | undefined,
): AsyncGenerator<WaitingJob> {
  const passes = filters.length > 0 ? compileFilters(filters, settings) : undefined;
  const spreadOver = rules.spread ? settings.slots : undefined;
  // The slot is known only when a job starts; no expression depends on it for its length.
  const measure: Measure | undefined = template && {
    lengthOf: (batch) => {
      const add = template.measure(seq + 1, 1);
      return batch.reduce((_, row) => add(row), 0);
    },
  };
  let seq = 0;
  for await (const batch of batches(rows, { ...rules, spreadOver }, measure)) {
    seq++;
    const skipped = passes !== undefined && !passes({ seq, rows: batch, slot: 1 });
    yield { seq, rows: batch, skipped };
  }
}

/** @param values the same for each job */
export async function* jobsOfBlocks(
  blocks: AsyncIterable<Uint8Array>,
  values: Row,
): AsyncGenerator<WaitingJob> {
  let seq = 0;
  for await (const input of blocks) yield { seq: ++seq, rows: [values], input };
}

/** Reads all jobs, for what needs their number before the first one starts. */
export async function collectJobs(jobs: AsyncIterable<WaitingJob>): Promise<WaitingJob[]> {
  const all: WaitingJob[] = [];
  for await (const job of jobs) all.push(job);
  return all;
}
