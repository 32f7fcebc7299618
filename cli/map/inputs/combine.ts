// The rows of several sources: every combination, or linked one to one.

import type { Row } from "../jobs/job.ts";
import type { RecordReader } from "./records.ts";

export type Input = {
  reader: RecordReader;
  /** Makes the values of a record. */
  split: (record: string) => Row;
  /** The source before has a value for each of this one: `:::+` and `::::+`. */
  linked: boolean;
};

/** Every combination of the inputs; the last changes fastest. Only the first is streamed. */
export function combinations(inputs: readonly Input[]): AsyncGenerator<Row> {
  return inputs.length === 1 ? rowsOf(inputs[0]!) : combined(inputs);
}

async function* combined(inputs: readonly Input[]): AsyncGenerator<Row> {
  // The first record of each is read in order, then the last source to its end, because a source
  // may be named twice, as in `:::: - -`.
  const firsts: (string | undefined)[] = [];
  for (const { reader } of inputs) firsts.push(await reader.next());
  if (firsts.every((first) => first === undefined)) return;

  const [streamed, ...others] = groupsOf(inputs.map((input, i) => rowsFrom(firsts[i], input)));
  const held: (readonly Row[])[] = [];
  for (const group of others.reverse()) held.unshift(await collect(zipped(group)));
  for await (const row of zipped(streamed!)) {
    for (const rest of product(held)) yield row.concat(rest);
  }

  function groupsOf(rows: readonly AsyncIterator<Row>[]): AsyncIterator<Row>[][] {
    const groups: AsyncIterator<Row>[][] = [];
    rows.forEach((each, i) => {
      if (i > 0 && inputs[i]!.linked) groups.at(-1)!.push(each);
      else groups.push([each]);
    });
    return groups;
  }
}

/**
 * One row for each record of the longest input; the others begin again at their end. The records of
 * an input are held until all others have ended.
 */
export async function* linkedRows(inputs: readonly Input[]): AsyncGenerator<Row> {
  const sources = inputs.map((input) => ({ ...input, ended: false, held: [] as Row[] }));
  for (let round = 0; ; round++) {
    let row: Row = [];
    for (const source of sources) {
      const record = source.ended ? undefined : await source.reader.next();
      if (record === undefined) {
        source.ended = true;
        row = row.concat(source.held[round % source.held.length] ?? source.split(""));
        continue;
      }
      const values = source.split(record);
      if (sources.some((other) => other !== source && !other.ended)) source.held.push(values);
      row = row.concat(values);
    }
    if (sources.every(({ ended }) => ended)) return;
    yield row;
  }
}

/** Reads all rows into memory. */
export async function collect(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function* rowsOf({ reader, split }: Input): AsyncGenerator<Row> {
  for (;;) {
    const record = await reader.next();
    if (record === undefined) return;
    yield split(record);
  }
}

/** The rows of an input whose first record is read. An empty one counts as one empty value. */
async function* rowsFrom(first: string | undefined, input: Input): AsyncGenerator<Row> {
  yield input.split(first ?? "");
  if (first !== undefined) yield* rowsOf(input);
}

/** Joins linked inputs row by row, up to the end of the shortest. */
async function* zipped(inputs: readonly AsyncIterator<Row>[]): AsyncGenerator<Row> {
  for (;;) {
    let row: Row = [];
    for (const input of inputs) {
      const next = await input.next();
      if (next.done) return;
      row = row.concat(next.value);
    }
    yield row;
  }
}

function* product(groups: readonly (readonly Row[])[], at = 0): Generator<Row> {
  const group = groups[at];
  if (!group) {
    yield [];
    return;
  }
  for (const row of group) {
    for (const rest of product(groups, at + 1)) yield row.concat(rest);
  }
}
