// From samples to the printed table: ratios within a round, targets, alignment.

import { describe, expect, test } from "vitest";
import type { Taken } from "../../benchmarks/runner/rounds.ts";
import { formatTable, resultRows } from "../../benchmarks/runner/table.ts";
import { mergeSamples, type Sample, type Scenario } from "../../benchmarks/scenario.ts";

const scenario: Scenario = {
  name: "example",
  size: 100,
  quickSize: 10,
  subject: { system: "floor", measure: "window" },
  floor: { measure: "window" },
  rows: [
    { about: "rate of {size}", figure: "tasksPerSecond", target: { of: "ratio", atLeast: 0.5 } },
    { about: "CPU", figure: "schedulerMicros", target: { of: "figure", atMost: 6 } },
    { about: "memory", figure: "liveBytes" },
  ],
};

function sample(elapsedMs: number, schedulerMicros: number): Sample {
  const cpuMicros = { client: 0, scheduler: schedulerMicros * 100, worker: 0 };
  return { tasks: 100, elapsedMs, cpuMicros };
}

const taken: Taken = {
  scenario,
  size: 1_000,
  subject: [sample(100, 5), sample(200, 7), sample(400, 9)],
  floor: [sample(40, 1), sample(100, 2), sample(400, 0)],
};

describe("the table of the benchmarks", () => {
  test("ratios are taken within a round, and their median is judged", () => {
    const [rate] = resultRows([taken]);
    expect(rate?.figure).toEqual({ median: 500, min: 250, max: 1000 });
    expect(rate?.ratio).toEqual({ median: 0.5, min: 0.4, max: 1 });
    expect(rate?.target).toMatchObject({ atLeast: 0.5, met: true });
  });

  test("a floor that shows nothing gives no ratio, and a bound on the figure still judges", () => {
    const [, cpu] = resultRows([taken]);
    expect(cpu?.ratio).toEqual({ median: 4.25, min: 3.5, max: 5 });
    expect(cpu?.target).toMatchObject({ atMost: 6, met: false });
  });

  test("a figure that was not measured has no row", () => {
    expect(resultRows([taken]).map(({ about }) => about)).toEqual(["rate of 1,000", "CPU"]);
  });

  test("the printed columns line up", () => {
    const lines = formatTable(resultRows([taken])).split("\n");
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines[2]).toContain("≥ 0.5× met");
    expect(lines[3]).toContain("≤ 6 missed");
  });

  test("turns add up to one sample", () => {
    const first: Sample = { tasks: 2, elapsedMs: 3, latenciesMs: [1, 2] };
    const second: Sample = { tasks: 1, elapsedMs: 4, latenciesMs: [4] };
    const merged = mergeSamples([first, second]);
    expect(merged).toEqual({ tasks: 3, elapsedMs: 7, latenciesMs: [1, 2, 4] });
  });
});
