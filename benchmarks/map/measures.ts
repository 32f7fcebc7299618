// What is measured: the same work by thence map and by others, with two slots.

import { fileURLToPath } from "node:url";

export type Contender = "thence map" | "GNU Parallel" | "bare spawn loop";

export type Measure = {
  readonly name: string;
  readonly label: string;
  readonly unit: "commands/s" | "calls/s" | "ms" | "MiB";
  readonly size: number;
  /** For --quick. */
  readonly quickSize: number;
  /** The program of each, for so many inputs; all but the loop read them from standard input. */
  readonly programs: (size: number) => Partial<Record<Contender, readonly string[]>>;
  /** Beside which row of GNU Parallel it is held, and what the ratio is to be. */
  readonly target?: {
    readonly beside: string;
    readonly atLeast?: number;
    readonly atMost?: number;
  };
};

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const map = [file("../../cli/bin.js"), "map", "-j2"];
const call = [...map, "--module", file("../tasks.ts"), "identity"];
const parallel = ["parallel", "-j2"];

export const measures: readonly Measure[] = [
  {
    name: "commands",
    label: "2,000 × `true`",
    unit: "commands/s",
    size: 2_000,
    quickSize: 200,
    programs: (size) => ({
      "thence map": [...map, "true"],
      "GNU Parallel": [...parallel, "true"],
      "bare spawn loop": [process.execPath, file("spawn-loop.ts"), String(size)],
    }),
    target: { beside: "commands", atLeast: 3 },
  },
  {
    name: "shell-commands",
    label: "2,000 × `: {}`, a command of the shell",
    unit: "commands/s",
    size: 2_000,
    quickSize: 200,
    programs: () => ({ "thence map": [...map, ": {}"], "GNU Parallel": [...parallel, ": {}"] }),
  },
  {
    name: "calls",
    label: "200,000 calls of a function",
    unit: "calls/s",
    size: 200_000,
    quickSize: 2_000,
    programs: () => ({ "thence map": call }),
    target: { beside: "commands", atLeast: 100 },
  },
  {
    name: "first-output",
    label: "first output, `echo`",
    unit: "ms",
    size: 10,
    quickSize: 10,
    programs: () => ({ "thence map": [...map, "echo"], "GNU Parallel": [...parallel, "echo"] }),
    target: { beside: "first-output", atMost: 1.5 },
  },
  {
    name: "first-call",
    label: "first output of a function",
    unit: "ms",
    size: 10,
    quickSize: 10,
    programs: () => ({ "thence map": call }),
  },
  {
    name: "memory",
    label: "peak memory of the map, 250,000 lines",
    unit: "MiB",
    size: 250_000,
    quickSize: 2_500,
    programs: () => ({ "thence map": call }),
  },
  {
    name: "memory-million",
    label: "the same, 1,000,000 lines",
    unit: "MiB",
    size: 1_000_000,
    quickSize: 10_000,
    programs: () => ({ "thence map": call }),
  },
];
