// A system under measurement, as the runner sees it: something that takes samples, in processes
// whose CPU time can be read.

import type { Sample } from "./scenario.ts";

export type System = {
  /** Takes one sample. `measure` is a scenario's name on thence, a `FloorMeasure` on the floor. */
  sample: (measure: string, size: number) => Promise<Sample>;
  /** The floor's relay stands where a scheduler does. */
  pids?: { client: number; scheduler: number; worker: number };
};
