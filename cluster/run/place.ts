// The place of this process in a run: alone on a machine, or one of the tasks of a step of Slurm, its ranks.
// Every rank runs the same command and finds out by itself what the others are.

import { resolve } from "node:path";
import { jobNodes, jobTasks, stepTask } from "../slurm/step.ts";

export type Place = {
  /** The first rank, 0, runs scheduler, driver and a worker; every other one a worker. */
  readonly rank: number;
  readonly ranks: number;
  readonly nodes: number;
  /** Whether Slurm signals every process of this run by itself. */
  readonly isStep: boolean;
  /** The scheduler file that the ranks agree on; undefined when this is the only one. */
  readonly schedulerFile: string | undefined;
  /** What the run leaves unused, for people. */
  readonly warning?: string;
};

/** The file is named after the step, so that two steps in one folder do not meet. */
export function placeOfRun(
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
): Place {
  const task = stepTask(environment);
  if (task === undefined) {
    const alone = { rank: 0, ranks: 1, nodes: 1, isStep: false, schedulerFile: undefined };
    if (jobTasks(environment) === 1) return alone;
    const nodes = jobNodes(environment);
    const unused =
      nodes > 1 ? `1 of the ${nodes} nodes` : `1 of the ${jobTasks(environment)} tasks`;
    return { ...alone, warning: `this runs on ${unused} of the job: start it by srun` };
  }
  const { step, rank, tasks, nodes, restarts } = task;
  // A job that was sent back to the queue has the same number; what it left must not mislead its ranks.
  const again = restarts > 0 ? `-${restarts}` : "";
  return {
    rank,
    ranks: tasks,
    nodes,
    isStep: true,
    schedulerFile: tasks > 1 ? resolve(directory, `scheduler-${step}${again}.json`) : undefined,
  };
}
