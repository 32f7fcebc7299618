// Along what the cost of a task is followed: each axis grows one thing and leaves the others.

import type { Load } from "./load.ts";

export type Axis = {
  /** As given on the command line. */
  name: string;
  /** What grows. */
  label: string;
  /** What a cost is the cost of. */
  unit: string;
  /** On the real scheduler with zero workers. */
  real: readonly number[];
  /** On the core alone, which is taken further. */
  core: readonly number[];
  quick: readonly number[];
  load: (x: number) => Load;
  /** The cost at `to` is to be within so many times that at the first. */
  target?: { to: number; atMost: number };
};

const usual: Load = { tasks: 100_000, workers: 2, clients: 1, dependencies: 0 };

export const axes: readonly Axis[] = [
  {
    name: "tasks",
    label: "tasks",
    unit: "a task",
    real: [10_000, 30_000, 100_000, 300_000, 1_000_000],
    core: [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000],
    quick: [10_000, 100_000],
    load: (tasks) => ({ ...usual, tasks }),
    target: { to: 1_000_000, atMost: 1.3 },
  },
  {
    name: "workers",
    label: "workers",
    unit: "a task",
    real: [2, 10, 100, 1_000],
    core: [2, 10, 100, 1_000, 10_000],
    quick: [2, 100],
    load: (workers) => ({ ...usual, tasks: 200_000, workers }),
    target: { to: 1_000, atMost: 1.5 },
  },
  {
    name: "clients",
    label: "clients",
    unit: "a task",
    real: [1, 3, 10, 30, 100],
    core: [1, 3, 10, 30, 100],
    quick: [1, 10],
    // What can be shared out evenly among each number of them.
    load: (clients) => ({ ...usual, tasks: 90_000, clients }),
  },
  {
    name: "dependencies",
    label: "dependencies of a task",
    unit: "a task or dependency",
    real: [1, 10, 100, 1_000],
    core: [1, 10, 100, 1_000],
    quick: [1, 100],
    load: (dependencies) => ({
      ...usual,
      tasks: Math.max(1_000, Math.min(100_000, 500_000 / dependencies)),
      dependencies,
    }),
  },
];

/** Bytes that a task takes in the core, about: ten million are not for every machine. */
const coreBytesPerTask = 600;

/** Why a point of the core cannot be taken on this machine now; undefined when it can. */
export function whyNot({ tasks }: Load): string | undefined {
  const needed = tasks * coreBytesPerTask;
  const free = process.availableMemory();
  if (needed < free) return undefined;
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `it takes ${gibibytes(needed)}, and ${gibibytes(free)} are available`;
}
