// Takes the samples: in every round every point of every axis, so that a machine which is slower for
// a while is slower for all of them.

import type { Run } from "../runner/run.ts";
import { formatNumber } from "../runner/table.ts";
import { whyNot, type Axis } from "./axes.ts";
import { unitsOf } from "./load.ts";
import { startCore, startReal, type GrowthSystem, type Sample } from "./systems.ts";

/** The samples of one point, by round. */
export type Point = { x: number; units: number; samples: Sample[] };
export type Taken = { axis: Axis; real: Point[]; core: Point[] };
export type GrowthPlan = { axes: readonly Axis[]; repeat: number; quick: boolean };

/** What is small is taken more often, so that it is measured as well. */
const leastTasks = 50_000;
/** What is large is taken once: it takes long, and is seen in one go. */
const mostTasks = 2_000_000;

/** What is to be done in one go gets a scheduler of its own each time: its memory is looked at. */
const aloneTasks = 1_000_000;

export async function takeGrowth(
  plan: GrowthPlan,
  run: Run,
  report: (line: string) => void,
  /** Has each axis as soon as it is there, for the next one may fail. */
  done: (taken: Taken) => Promise<void>,
): Promise<Taken[]> {
  const taken: Taken[] = [];
  for (const axis of plan.axes) {
    const pointOf = (x: number): Point => ({ x, units: unitsOf(axis.load(x)), samples: [] });
    const real = (plan.quick ? axis.quick : axis.real).map(pointOf);
    const core = (plan.quick ? axis.quick : axis.core).map(pointOf);
    await takeAxis(axis, real, plan, run, report);
    await takeAxis(axis, core, plan, run, report, startCore(run.processes));
    await done({ axis, real, core });
    taken.push({ axis, real, core });
  }
  return taken;
}

/** On the core when it is given, else on schedulers with as many workers as each point asks for. */
async function takeAxis(
  axis: Axis,
  points: readonly Point[],
  { repeat }: GrowthPlan,
  { processes, directory, signal }: Run,
  report: (line: string) => void,
  core?: GrowthSystem,
): Promise<void> {
  const systems = new Map<number, GrowthSystem>();
  const where = core === undefined ? "scheduler" : "core";
  try {
    // The core warms up in the first round, a scheduler as it is started.
    for (let round = core === undefined ? 1 : 0; round <= repeat; round++) {
      for (const { x, units, samples } of points) {
        signal.throwIfAborted();
        const load = axis.load(x);
        if (load.tasks > mostTasks && round !== repeat) continue;
        const missing = core && whyNot(load);
        if (missing !== undefined) {
          report(`left out: ${formatNumber(x, 0)} ${axis.label} in the core, since ${missing}`);
          continue;
        }
        const isAlone = core === undefined && load.tasks >= aloneTasks;
        let system = core ?? (isAlone ? undefined : systems.get(load.workers));
        if (system === undefined) {
          system = await startReal(processes, directory, load.workers);
          if (!isAlone) systems.set(load.workers, system);
        }
        const turns = Math.ceil(leastTasks / units);
        const taken: Sample[] = [];
        for (let turn = 0; turn < turns; turn++) taken.push(await system.run(load));
        if (isAlone) await system.end();
        const sample = merged(taken);
        report(lineOf(round, where, axis, x, sample.cpuMicros / units));
        if (round > 0) samples.push(sample);
      }
    }
  } finally {
    for (const system of systems.values()) await system.end();
    await core?.end();
  }
}

function lineOf(round: number, where: string, axis: Axis, x: number, micros: number): string {
  const when = round === 0 ? "warm-up" : `round ${round}`;
  const what = `${formatNumber(x, 0)} ${axis.label}`;
  return `${when.padEnd(9)}${where.padEnd(11)}${what.padEnd(32)}${formatNumber(micros, 2)} µs CPU ${axis.unit}`;
}

/** One sample as of one turn. */
function merged(samples: readonly Sample[]): Sample {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const most = (of: (sample: Sample) => number | undefined) => {
    const values = samples.flatMap((sample) => of(sample) ?? []);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  return {
    elapsedMs: mean(({ elapsedMs }) => elapsedMs),
    cpuMicros: mean(({ cpuMicros }) => cpuMicros),
    longestPauseMs: most(({ longestPauseMs }) => longestPauseMs),
    busiestTurnMs: most(({ busiestTurnMs }) => busiestTurnMs),
    longestCollectionMs: most(({ longestCollectionMs }) => longestCollectionMs),
    peakBytes: most(({ peakBytes }) => peakBytes),
  };
}
