// What a scenario is: one thing measured on one system, beside the floor in the same round, and the
// rows of the table that come of it. Scenarios know nothing of rounds, processes or printing.

import type { Client } from "../src/index.ts";
import { percentile } from "./runner/statistics.ts";

export type BenchmarkClient = Client<typeof import("./tasks.ts")>;

/** What one measurement yields before anything is derived from it. */
export type Sample = {
  tasks: number;
  elapsedMs: number;
  /** Of each call, when they were made one at a time. */
  latenciesMs?: number[];
  /** CPU time of each process over the measurement, where the machine tells. */
  cpuMicros?: { client: number; scheduler: number; worker: number };
  /** Of the scheduler, grown between nothing queued and everything queued. */
  growthBytes?: { live: number; resident: number };
};

/** What the floor's client can measure: 512 calls in flight, all in flight, one at a time. */
export type FloorMeasure = "window" | "burst" | "round-trip";

/** On what a scenario runs. `thence-queue` has no worker and is started anew for each sample. */
export type Subject =
  | {
      system: "thence" | "thence-queue";
      run: (client: BenchmarkClient, size: number) => Promise<Sample>;
    }
  | { system: "floor" | "floor-thread"; measure: FloorMeasure };

export type Figure =
  | "tasksPerSecond"
  | "p50Ms"
  | "p99Ms"
  | "callsPerSecond"
  | "clientMicros"
  | "schedulerMicros"
  | "workerMicros"
  | "liveBytes"
  | "residentBytes";

/** A bound on the figure itself, or on its ratio to the floor's. */
export type Target = { of: "figure" | "ratio" } & ({ atLeast: number } | { atMost: number });

export type Row = {
  /** `{size}` stands for the size it ran at. */
  about: string;
  figure: Figure;
  /** The floor's figure to hold it against, when not the same one. */
  against?: Figure;
  target?: Target;
};

export type Scenario = {
  /** As given on the command line. */
  name: string;
  size: number;
  /** The size under `--quick`. */
  quickSize: number;
  subject: Subject;
  /** What the floor measures beside it, at the same size. */
  floor?: { measure: FloorMeasure };
  /**
   * How often the two take turns within a round, 1 by default: the whole size each time, or its
   * share when calls are made one at a time.
   */
  turns?: number;
  /** For what hardly varies and takes long. */
  maxRounds?: number;
  rows: Row[];
};

/** What the table calls the unit of a figure, and how many decimals are worth printing. */
export const units: Record<Figure, { unit: string; decimals: number }> = {
  tasksPerSecond: { unit: "tasks/s", decimals: 0 },
  callsPerSecond: { unit: "calls/s", decimals: 0 },
  p50Ms: { unit: "ms", decimals: 3 },
  p99Ms: { unit: "ms", decimals: 3 },
  clientMicros: { unit: "µs CPU", decimals: 2 },
  schedulerMicros: { unit: "µs CPU", decimals: 2 },
  workerMicros: { unit: "µs CPU", decimals: 2 },
  liveBytes: { unit: "bytes", decimals: 0 },
  residentBytes: { unit: "bytes", decimals: 0 },
};

/** Reads a figure off a sample; undefined when the sample does not hold it. */
export function figureOf(sample: Sample, figure: Figure): number | undefined {
  const { tasks, elapsedMs, latenciesMs, cpuMicros, growthBytes } = sample;
  switch (figure) {
    case "tasksPerSecond":
      return (tasks / elapsedMs) * 1000;
    case "p50Ms":
      return latenciesMs && percentile(latenciesMs, 0.5);
    case "p99Ms":
      return latenciesMs && percentile(latenciesMs, 0.99);
    case "callsPerSecond":
      return latenciesMs && 1000 / percentile(latenciesMs, 0.5);
    case "clientMicros":
      return cpuMicros && cpuMicros.client / tasks;
    case "schedulerMicros":
      return cpuMicros && cpuMicros.scheduler / tasks;
    case "workerMicros":
      return cpuMicros && cpuMicros.worker / tasks;
    case "liveBytes":
      return growthBytes && growthBytes.live / tasks;
    case "residentBytes":
      return growthBytes && growthBytes.resident / tasks;
  }
}

/** One sample out of those of several turns. */
export function mergeSamples(samples: readonly Sample[]): Sample {
  const [first, ...rest] = samples;
  if (first === undefined) throw new Error("There are no samples to merge.");
  return rest.reduce<Sample>(
    (sum, next) => ({
      tasks: sum.tasks + next.tasks,
      elapsedMs: sum.elapsedMs + next.elapsedMs,
      ...(sum.latenciesMs &&
        next.latenciesMs && { latenciesMs: [...sum.latenciesMs, ...next.latenciesMs] }),
      ...(sum.cpuMicros &&
        next.cpuMicros && {
          cpuMicros: {
            client: sum.cpuMicros.client + next.cpuMicros.client,
            scheduler: sum.cpuMicros.scheduler + next.cpuMicros.scheduler,
            worker: sum.cpuMicros.worker + next.cpuMicros.worker,
          },
        }),
    }),
    first,
  );
}
