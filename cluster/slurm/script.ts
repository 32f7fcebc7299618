// The batch script of one worker job, as text. Pure: options in, text out.

import { formatDuration } from "../../src/duration.ts";

export type WorkerScript = {
  /** The name of the job. */
  readonly jobName: string;
  readonly cpus: number;
  /** Memory of the job, in bytes. Default: what the partition gives. */
  readonly memoryBytes?: number | undefined;
  /** Default: what the partition gives. */
  readonly timeLimitMinutes?: number | undefined;
  readonly partition?: string | undefined;
  readonly account?: string | undefined;
  /** The file for what the job prints, with `%j` for its id. */
  readonly output: string;
  /** Further options of sbatch, each as one argument: `--gres=gpu:1`. */
  readonly extra: readonly string[];
  /** Lines of shell before the worker starts: `module load cuda`. */
  readonly setup: readonly string[];
  /** The program `thence`, and the directory of the Node that runs it. */
  readonly program: string;
  readonly nodeDirectory: string;
  readonly schedulerFile: string;
  readonly interface?: string | undefined;
  readonly modules: readonly string[];
  /** Further options of `thence worker`, each as one argument. */
  readonly workerOptions: readonly string[];
};

/** The name of the worker of a job, by which the cluster recognises it. */
export function workerNameOf(job: string): string {
  return `slurm-${job}`;
}

/** The options of sbatch. One task, so that the job is one worker on one node. */
export function sbatchOptions(script: WorkerScript): string[] {
  const { jobName, cpus, memoryBytes, timeLimitMinutes, partition, account, output } = script;
  const mebibytes = memoryBytes === undefined ? undefined : Math.ceil(memoryBytes / 2 ** 20);
  return [
    `--job-name=${jobName}`,
    "--nodes=1",
    "--ntasks=1",
    `--cpus-per-task=${cpus}`,
    ...(mebibytes === undefined ? [] : [`--mem=${mebibytes}M`]),
    ...(timeLimitMinutes === undefined ? [] : [`--time=${timeLimitMinutes}`]),
    ...(partition === undefined ? [] : [`--partition=${partition}`]),
    ...(account === undefined ? [] : [`--account=${account}`]),
    `--output=${output}`,
    // A job that is requeued goes on in the same file.
    "--open-mode=append",
    ...script.extra,
  ];
}

/**
 * The text of the batch script. It has no token: the worker reads that from the scheduler file.
 *
 * @throws {RangeError} when a value has a line break, which no line of the script could hold
 */
export function workerScript(script: WorkerScript): string {
  const { cpus, schedulerFile, nodeDirectory, program, setup, timeLimitMinutes } = script;
  const worker = [
    `${quoted(program)} worker`,
    `--scheduler-file ${quoted(schedulerFile)}`,
    // The shell of the job puts its id in.
    `--name "${workerNameOf("$SLURM_JOB_ID")}"`,
    ...script.modules.map((module) => `--module ${quoted(module)}`),
    ...(script.interface === undefined ? [] : [`--interface ${quoted(script.interface)}`]),
    ...(timeLimitMinutes === undefined ? [] : [`--lifetime ${lifetimeOf(timeLimitMinutes)}`]),
    ...script.workerOptions.map(quoted),
  ];
  return [
    "#!/bin/bash",
    ...sbatchOptions(script).map((option) => `#SBATCH ${quotedForSlurm(option)}`),
    "",
    "# One worker of a cluster. Whoever submitted this job has removed the scheduler file when it is over.",
    `[ -e ${quoted(schedulerFile)} ] || { echo "not needed any more: its cluster has ended"; exit 0; }`,
    `export PATH=${quoted(nodeDirectory)}:"$PATH"`,
    "unset THENCE_ADDRESS THENCE_TOKEN THENCE_TOKEN_FILE",
    ...setup,
    `exec srun --ntasks=1 --cpus-per-task=${cpus} --kill-on-bad-exit=0 --wait=0 \\`,
    `  ${worker.join(" ")}`,
    "",
  ].join("\n");
}

/**
 * A worker leaves a tenth of the time before the limit, at least 10 s and at most 2 min: what runs may go
 * on for the drain timeout, and what the worker holds is handed over.
 */
function lifetimeOf(timeLimitMinutes: number): string {
  const ms = timeLimitMinutes * 60_000;
  return formatDuration(ms - Math.min(120_000, Math.max(10_000, ms / 10)));
}

/** For the shell: one word, whatever is in it. */
function quoted(text: string): string {
  const line = oneLine(text);
  return /^[\w./:@%+=,-]+$/.test(line) ? line : `'${line.replaceAll("'", String.raw`'\''`)}'`;
}

/** For a line of `#SBATCH`, which Slurm reads by rules of its own. */
function quotedForSlurm(option: string): string {
  const line = oneLine(option);
  return /^[\w./:@%+=,[\]~-]+$/.test(line)
    ? line
    : `"${line.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function oneLine(text: string): string {
  if (!/[\n\r\0]/.test(text)) return text;
  throw new RangeError(`write it without a line break: ${JSON.stringify(text)}`);
}
