// The tables of `npm run bench:peers`: what is a ratio, what is a target, what stands where nothing was
// taken. Nothing is installed here.

import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { linesOf, reasonAgainst, versionsLine } from "../../benchmarks/peers/availability.ts";
import type { Installed } from "../../benchmarks/peers/install/install.ts";
import type { Outcome, Part } from "../../benchmarks/peers/install/part.ts";
import { reasonOf } from "../../benchmarks/peers/install/run.ts";
import {
  atSizes,
  figureOf,
  measures,
  takesTooLong,
  timesAsFast,
  type Measure,
} from "../../benchmarks/peers/measures.ts";
import { peers, thenceDriver } from "../../benchmarks/peers/peers.ts";
import {
  figuresTable,
  spreads,
  targetsTable,
  timesTable,
  verdicts,
  type Line,
  type Taken,
} from "../../benchmarks/peers/table.ts";
import { targets, type PeerTarget } from "../../benchmarks/peers/targets.ts";

const named = (name: string): Measure => measures.find((measure) => measure.name === name)!;
const trip = named("round-trip");
const rate = named("map-10k");

const lines: Line[] = [
  { name: "thence", title: "thence", version: "0.1.0" },
  { name: "quick", title: "Quick", version: "1.0" },
  { name: "slow", title: "Slow", version: "2.0" },
  { name: "gone", title: "Gone", version: "", reason: "it said no" },
];

const taken: Taken = {
  pairs: [
    { peer: "quick", measure: "map-10k", peerFigure: 50_000, thenceFigure: 100_000 },
    { peer: "quick", measure: "map-10k", peerFigure: 20_000, thenceFigure: 100_000 },
    { peer: "quick", measure: "map-10k", peerFigure: 30_000, thenceFigure: 90_000 },
    { peer: "quick", measure: "round-trip", peerFigure: 0.2, thenceFigure: 0.5 },
    { peer: "slow", measure: "round-trip", peerFigure: 10, thenceFigure: 0.5 },
  ],
  gaps: [
    { peer: "slow", measure: "map-10k", why: "too long" },
    { peer: "slow", measure: "chain", why: "no notion" },
    { peer: "quick", measure: "chain", why: "failed" },
  ],
};

describe("the ratios to the peers", () => {
  test("times as fast is above 1 when thence is better, of a rate and of a time", () => {
    expect(timesAsFast(rate, 100, 50)).toBe(2);
    expect(timesAsFast(trip, 0.5, 10)).toBe(20);
  });

  test("they are taken within a round, and the median is of them", () => {
    expect(spreads(taken, rate, "quick")).toEqual({
      figure: { median: 30_000, min: 20_000, max: 50_000 },
      times: { median: 3, min: 2, max: 5 },
    });
    expect(spreads(taken, rate, "slow")).toBeUndefined();
  });

  test("a rate counts every task, a round trip is its median, a start is told in seconds", () => {
    expect(figureOf(rate, { elapsedMs: 500 })).toBe(20_000);
    expect(figureOf(trip, { elapsedMs: 9, latenciesMs: [1, 2, 6] })).toBe(2);
    expect(figureOf(named("start"), { elapsedMs: 1_500 })).toBe(1.5);
    expect(figureOf(named("array"), { elapsedMs: 80 })).toBe(80);
  });

  test("what would take more than a minute at the rate so far is not taken", () => {
    expect(takesTooLong(500, 10_000)).toBe(false);
    expect(takesTooLong(500, 100_000)).toBe(true);
  });
});

describe("the targets", () => {
  const target = (peer: string, measure: string, atLeast: number): PeerTarget => {
    return { peer, measure, atLeast, about: "…" };
  };

  test("are met or missed by the median, and said not to be measured when they are not", () => {
    const asked = [
      target("quick", "map-10k", 2.5),
      target("quick", "map-10k", 3.5),
      target("slow", "round-trip", 10),
      target("quick", "round-trip", 2),
      target("slow", "map-10k", 100),
      target("gone", "map-10k", 1),
    ];
    const judged = verdicts(asked, measures, taken);
    expect(judged.map(({ verdict }) => verdict)).toEqual([
      "met",
      "missed",
      "met",
      "missed",
      "not measured",
      "not measured",
    ]);
    const table = targetsTable(lines, judged);
    expect(table.split("\n")[2]).toMatch(/\| … +\| +Quick \| +3\.00× \| 2\.00×–5\.00× \| +met \|/);
  });

  test("are those that were set, each of a peer and a measure that there are", () => {
    const set = targets.map(({ peer, measure, atLeast }) => `${peer} ${measure} ${atLeast}`);
    expect(set).toEqual([
      "dask map-10k 100",
      "celery map-10k 100",
      "ray map-10k 20",
      "bullmq map-10k 12",
      "piscina map-10k 2.5",
      "bullmq round-trip 2",
      "dask round-trip 10",
    ]);
    for (const { peer, measure } of targets) {
      expect(peers.map(({ name }) => name)).toContain(peer);
      expect(measures.map(({ name }) => name)).toContain(measure);
    }
  });
});

describe("the tables", () => {
  const chosen = atSizes([trip, rate, named("chain")], false);

  test("show medians, thence first, and say of every missing figure why", () => {
    const rows = cellsOf(figuresTable(lines, chosen, taken));
    expect(rows[0]).toEqual([
      "",
      "version",
      "round trip, p50 ms",
      "10,000 no-ops, /s",
      "chain of 1,000, /s",
    ]);
    expect(rows[2]).toEqual(["thence", "0.1.0", "0.50", "100,000", ""]);
    expect(rows[3]).toEqual(["Quick", "1.0", "0.20", "30,000", "failed"]);
    expect(rows[4]).toEqual(["Slow", "2.0", "10.00", "> 60 s", "–"]);
    expect(rows[5]).toEqual(["Gone", "cannot be had: it said no", "", "", ""]);
  });

  test("show how many times as fast thence is, with three digits", () => {
    const rows = cellsOf(timesTable(lines, chosen, taken));
    expect(rows[2]).toEqual(["Quick", "0.40×", "3.00×", "failed"]);
    expect(rows[3]).toEqual(["Slow", "20.0×", "> 60 s", "–"]);
  });

  test("have columns that line up", () => {
    for (const table of [figuresTable(lines, chosen, taken), timesTable(lines, chosen, taken)]) {
      expect(new Set(table.split("\n").map((line) => line.length)).size).toBe(1);
    }
  });

  test("head a smaller run with its sizes", () => {
    expect(atSizes([named("chain")], true)[0]?.about).toBe("chain of 200, /s");
  });
});

test("a peer that lacks a part keeps its line, with the reason; versions are told of what is there", () => {
  const [dask, celery] = peers;
  const installed: Installed = new Map<Part, Outcome>([
    ["python:dask[distributed]", { version: "2026.8.0" }],
    ["python:numpy", { version: "2.4.6" }],
    ["python:celery[redis]", { version: "5.7.0" }],
    ["debian:redis-server", { reason: "E: no network" }],
  ]);
  expect(linesOf([dask!, celery!], installed, "0.1.0").slice(1)).toEqual([
    { name: "dask", title: dask!.title, version: "2026.8.0" },
    {
      name: "celery",
      title: celery!.title,
      version: "5.7.0",
      reason: "debian:redis-server: E: no network",
    },
  ]);
  expect(reasonAgainst(dask!, installed)).toBeUndefined();
  expect(versionsLine([dask!, celery!], installed)).toBe(
    "dask 2026.8.0, numpy 2.4.6, celery 5.7.0",
  );
});

test("every peer has a name of its own, a driver, and a documented fast way", () => {
  expect(new Set(peers.map(({ name }) => name)).size).toBe(peers.length);
  const folder = path.join(import.meta.dirname, "../../benchmarks/peers/drivers");
  for (const [script] of [thenceDriver, ...peers.map(({ driver }) => driver)]) {
    expect(existsSync(path.join(folder, script))).toBe(true);
  }
  for (const { fastWay, documentation, needs, version } of peers) {
    expect(fastWay).not.toBe("");
    expect(documentation).not.toBe("");
    expect(needs).toContain(version);
  }
});

test("of all that a package client prints, its last error is the reason", () => {
  const output =
    "Looking…\nERROR: no version satisfies x\nERROR: No matching distribution for x\nhint\n";
  expect(reasonOf(output)).toBe("ERROR: No matching distribution for x");
  expect(reasonOf("spawn apt-get ENOENT\n")).toBe("spawn apt-get ENOENT");
});

function cellsOf(table: string): string[][] {
  return table.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
