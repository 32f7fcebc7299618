// The tables of the graphs.

import { columns } from "../runner/columns.ts";
import { median, spread } from "../runner/statistics.ts";
import { formatNumber } from "../runner/table.ts";
import { graphNamed } from "./graphs.ts";
import { bestMsOf, type Taken } from "./plan.ts";
import { concurrency, threads, type SystemName } from "./systems.ts";

/** The zero worker has to reach one of the two, the core the third: of tasks a second. */
const zeroRate = 120_000;
const zeroToRelay = 0.7;
const coreRate = 400_000;
const judged: readonly string[] = ["merge-100K", "tree-15"];

const words: Record<SystemName, string> = {
  workers: `a worker of ${threads} threads`,
  slots: `a worker of ${threads} threads × ${concurrency}`,
  zero: "a zero worker",
  "zero-24": "24 zero workers",
  relay: "a relay in its place",
  core: "the core alone",
};

/** A row for each graph on each system: tasks a second, and what the scheduler spent on each. */
export function table(taken: readonly Taken[]): string {
  const rows = taken
    .filter(({ system, samples }) => system !== "slots" && samples.length > 0)
    .map((each) => {
      const relay = taken.find(({ graph, system }) => graph === each.graph && system === "relay");
      const rates = ratesOf(each);
      const beside = relay === undefined ? [] : ratesOf(relay);
      const ratios = rates.flatMap((rate, i) => (beside[i] === undefined ? [] : rate / beside[i]));
      const isBeside = each.system !== "relay" && each.system !== "core" && ratios.length > 0;
      const ofRelay = isBeside ? median(ratios) : undefined;
      const { min, max } = spread(rates);
      return [
        each.graph,
        words[each.system],
        formatNumber(median(rates), 0),
        `${formatNumber(min, 0)}–${formatNumber(max, 0)}`,
        cpuCell(each),
        ofRelay === undefined ? "" : `${formatNumber(ofRelay, 2)}×`,
        target(each, median(rates), ofRelay),
      ];
    });
  if (rows.length === 0) return "";
  return columns(
    ["graph", "on", "tasks/s", "min–max", "µs CPU a task", "of the relay", "target"],
    rows,
    [0, 1, 6],
  );
}

/** Graphs whose tasks sleep, beside what the slots could do at best. */
export function slowTable(taken: readonly Taken[]): string {
  const rows = taken
    .filter(({ system, samples }) => system === "slots" && samples.length > 0)
    .map((each) => {
      const elapsedMs = median(each.samples.map((sample) => sample.elapsedMs));
      const bestMs = bestMsOf(graphNamed(each.graph));
      return [
        each.graph,
        words[each.system],
        formatNumber(bestMs / 1000, 2),
        formatNumber(elapsedMs / 1000, 2),
        `${formatNumber(elapsedMs / bestMs, 2)}×`,
        cpuCell(each),
      ];
    });
  if (rows.length === 0) return "";
  return columns(["graph", "on", "best, s", "took, s", "of best", "µs CPU a task"], rows, [0, 1]);
}

function ratesOf({ tasks, samples }: Taken): number[] {
  return samples.map(({ elapsedMs }) => (tasks / elapsedMs) * 1000);
}

function cpuCell({ tasks, samples }: Taken): string {
  const micros = samples.flatMap(({ schedulerMicros }) => schedulerMicros ?? []);
  return micros.length === 0 ? "" : formatNumber(median(micros) / tasks, 2);
}

function target({ graph, system }: Taken, rate: number, ofRelay: number | undefined): string {
  if (!judged.includes(graph)) return "";
  if (system === "core") {
    return `≥ ${formatNumber(coreRate, 0)} ${rate >= coreRate ? "met" : "missed"}`;
  }
  if (system !== "zero") return "";
  const isMet = rate >= zeroRate || (ofRelay ?? 0) >= zeroToRelay;
  return `≥ ${formatNumber(zeroRate, 0)} or ≥ ${zeroToRelay}× ${isMet ? "met" : "missed"}`;
}
