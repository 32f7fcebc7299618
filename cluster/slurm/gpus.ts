// The GPUs of a worker: those that Slurm gave to its task, or as many as its user says there are.

import type { Device } from "../../worker/calls/devices.ts";
import { tasksOnNode } from "./environment.ts";
import { count, type Environment } from "./step.ts";

/** The variables by which programs are told their GPUs; Slurm sets those for the kind of GPU it knows of. */
const deviceVariables = [
  "CUDA_VISIBLE_DEVICES",
  "ROCR_VISIBLE_DEVICES",
  "GPU_DEVICE_ORDINAL",
  "ZE_AFFINITY_MASK",
] as const;

/** A larger amount stands for something else, and is only counted. */
const mostGpus = 1_024;

/**
 * The GPUs, in the order of their names.
 *
 * @param asked the amount that the user gave by `--resources gpu=`; default: what Slurm gave, none outside it
 */
export function gpusOf(environment: Environment, asked?: number): Device[] {
  const visible = visibleGpus(environment);
  const isInJob = count(environment.SLURM_JOB_ID) !== undefined;
  const own = isInJob ? shareOf(environment, visible) : visible;
  if (asked === undefined) return isInJob ? own : [];
  const needed = Math.ceil(asked);
  for (const some of [own, visible]) if (some.length >= needed) return some.slice(0, needed);
  if (needed > mostGpus) return [];
  return Array.from({ length: needed }, (_, index) => cudaDevice(`${index}`));
}

/** What the variables list. A device has the same place in each of them. */
function visibleGpus(environment: Environment): Device[] {
  const lists = deviceVariables.flatMap((variable) => {
    const names = namesIn(environment[variable]);
    return names.length === 0 ? [] : [{ variable, names }];
  });
  const [first] = lists;
  if (first === undefined) {
    // Slurm was told not to set a variable, and numbers its devices all the same.
    const ids = environment.SLURM_STEP_GPUS ?? environment.SLURM_JOB_GPUS;
    return namesIn(ids).map(cudaDevice);
  }
  const alike = lists.filter(({ names }) => names.length === first.names.length);
  return first.names.map((name, index) => ({
    name,
    variables: Object.fromEntries(alike.map(({ variable, names }) => [variable, names[index]!])),
  }));
}

/**
 * The GPUs of this task. Without a binding, as by `--gpus-per-task`, Slurm shows all GPUs of a step to
 * each of its tasks on a node; then the tasks divide them by their local ids.
 */
function shareOf(environment: Environment, visible: readonly Device[]): Device[] {
  const tasks = tasksOnNode(environment);
  const onNode = count(environment.SLURM_GPUS_ON_NODE) ?? visible.length;
  const isBound = visible.length < onNode;
  if (isBound || tasks === 1) return [...visible];
  const place = count(environment.SLURM_LOCALID) ?? 0;
  return visible.filter((_, index) => index % tasks === place);
}

/** Up to the first that hides the rest, as `-1` does; `NoDevFiles` is Slurm's word for none. */
function namesIn(list = ""): string[] {
  const names = list.split(",").map((name) => name.trim());
  const end = names.findIndex((name) => name === "" || name === "-1" || name === "NoDevFiles");
  return end === -1 ? names : names.slice(0, end);
}

function cudaDevice(name: string): Device {
  return { name, variables: { CUDA_VISIBLE_DEVICES: name } };
}
