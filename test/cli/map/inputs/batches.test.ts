// Batches: the rows of each job, and how few rows are read ahead for them.

import fc from "fast-check";
import { expect, test } from "vitest";
import { batches, type BatchRules } from "../../../../cli/map/inputs/batches.ts";
import type { Row } from "../../../../cli/map/jobs/job.ts";

const rules: BatchRules = {
  mostRows: undefined,
  spreadOver: undefined,
  commandBytes: 20,
};
const measure = { lengthOf: (rows: readonly Row[]) => 4 + rows.flat().join(" ").length };

test("a job has as many rows as fit, as if they were tried one by one", async () => {
  const texts = fc.array(fc.string({ maxLength: 10, unit: fc.constant("x") }));
  await fc.assert(
    fc.asyncProperty(texts, fc.option(fc.integer({ min: 1, max: 5 })), async (values, most) => {
      const mostRows = most ?? undefined;
      const expected: Row[][] = [];
      for (const value of values) {
        const last = expected.at(-1);
        const longer = [...(last ?? []), [value]];
        if (last && measure.lengthOf(longer) < 20 && longer.length <= (mostRows ?? Infinity)) {
          last.push([value]);
        } else expected.push([[value]]);
      }
      expect(await jobsOf(values, { ...rules, mostRows })).toEqual(expected);
    }),
  );
});

test("the rows of the last job are spread over the slots", async () => {
  const jobs = await jobsOf(["1", "2", "3", "4", "5"], { ...rules, spreadOver: 3 });
  expect(jobs).toEqual([[["1"], ["2"]], [["3"], ["4"]], [["5"]]]);
});

test("a command that is too long names its input", async () => {
  const values = ["short", "x".repeat(60)];
  await expect(jobsOf(values, { ...rules, mostRows: 1 })).rejects.toThrow(
    `the command for input 2 has 64 bytes, and must have less than 20: ${"x".repeat(50)}…`,
  );
});

test("a full job does not wait for the row after it", async () => {
  const waiting = Promise.withResolvers<never>();
  async function* slow(): AsyncGenerator<Row> {
    yield ["a"];
    yield ["b"];
    await waiting.promise;
  }
  const jobs = batches(slow(), { ...rules, mostRows: 2 }, measure);
  expect((await jobs.next()).value).toEqual([["a"], ["b"]]);
});

test("few commands are measured, however many rows fit", async () => {
  let measured = 0;
  const counting = {
    lengthOf: (rows: readonly Row[]) => {
      measured++;
      return rows.length;
    },
  };
  const jobs: (readonly Row[])[] = [];
  for await (const job of batches(
    rowsOf(Array.from({ length: 10_000 }, String)),
    {
      ...rules,
      commandBytes: 3_001,
    },
    counting,
  )) {
    jobs.push(job);
  }
  expect(jobs.map((job) => job.length)).toEqual([3_000, 3_000, 3_000, 1_000]);
  expect(measured).toBeLessThan(100);
});

async function jobsOf(values: readonly string[], given: BatchRules): Promise<(readonly Row[])[]> {
  const jobs: (readonly Row[])[] = [];
  for await (const job of batches(rowsOf(values), given, measure)) jobs.push(job);
  return jobs;
}

async function* rowsOf(values: readonly string[]): AsyncGenerator<Row> {
  for (const value of values) yield [value];
}
