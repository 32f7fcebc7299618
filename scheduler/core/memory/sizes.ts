// What each kind of thing takes on the heap, in bytes: more than `npm run bench:memory` measures, since what is freed
// stays on the heap until it is collected.

import type { ErrorRecord } from "../../../src/errors/error-record.ts";
import type { Failure, RateLimit, TaskOptions } from "../../../src/wire/protocol.ts";
import type { Schedule } from "../schedules/schedules.ts";
import type { Loss, Task, Worker } from "../state.ts";

export const taskBytes = 450;
export const dispatchBytes = 250;
/** Of one worker that holds the value of a task. */
export const holderBytes = 350;
/** Of a client that wants the task of another one. */
export const wantBytes = 300;
/** Of a text: that and one byte for each character. */
export const textBytes = 32;
export const itemBytes = 350;
export const claimBytes = 250;
/** Of a client that waits for the end of a worker. */
export const retireBytes = 150;
/** Of a scattered value that is awaited, and of each worker that it is to come to. */
export const scatterBytes = 400;
/** Of a schedule with missed moments, of which there is a bound. */
export const backlogBytes = 24_000;

/** Of a lock, a queue and so on, whatever waits for it. */
export function thingBytes({ name }: { name: string }): number {
  return 650 + 2 * name.length;
}

/** Of the reason of some cancelled tasks. */
export function reasonBytes(reason: string): number {
  return 120 + textBytes + reason.length;
}

/** Of a task as it is now, without its arguments and its result. */
export function factsBytes({ key, inputKeys, progress, losses }: Task): number {
  let bytes = key.length + progressBytes(progress);
  if (losses !== undefined) for (const each of losses) bytes += lossBytes(each);
  // Most tasks have none, and there are millions.
  if (inputKeys !== undefined) for (const each of inputKeys) bytes += 150 + each.length;
  return bytes;
}

export function lossBytes({ how }: Loss): number {
  return 500 + how.length;
}

export function progressBytes(progress: Task["progress"]): number {
  return progress === undefined ? 0 : 100 + (progress.text?.length ?? 0);
}

/**
 * Of a spec with its lane, its constraint, its roster and its site; the options are kept several times: as they are, and
 * in signatures.
 */
export function specBytes({ signature, options }: { signature: string; options: TaskOptions }) {
  const { workers = [], resources = {}, tags = [] } = options;
  const names = 450 * workers.length + 550 * Object.keys(resources).length + 80 * tags.length;
  return 5_300 + 4 * signature.length + names;
}

/** Of a client, with its name. */
export function clientBytes({ id, name }: { id: string; name: string }): number {
  return 1_100 + id.length + name.length;
}

/** Of a worker, as it said in its hello, without its functions. */
export function workerBytes(worker: WorkerTexts): number {
  const { id, name, host, address = "", version = "", tags = [], resources } = worker;
  const names = [...tags, ...Object.keys(resources)];
  return 5_000 + namesBytes([id, name, host, address, version, ...names]) + 100 * names.length;
}
type WorkerTexts = Pick<Worker, "id" | "name" | "host" | "resources"> & {
  readonly address?: string | undefined;
  readonly version?: string | undefined;
  readonly tags?: Iterable<string> | undefined;
};

/** Of a function that workers registered, under its name or its digest. */
export function functionBytes(key: string): number {
  return 1_200 + textBytes + key.length;
}

/** Of the list of the functions of some workers, without the functions. */
export function repertoireBytes(functions: number, digests: number): number {
  return 600 + 80 * (functions + digests);
}

/** Of a rate limit with as many starts as it may ever remember. */
export function rateBytes({ signature, count }: { signature: string } & Pick<RateLimit, "count">) {
  return 900 + 2 * signature.length + 32 * count;
}

export function scheduleBytes({ name, call, cron }: Schedule): number {
  const { options = {}, inputKeys } = call;
  const texts = 3 * (name.length + JSON.stringify(options).length + (cron?.expression.length ?? 0));
  return 1_500 + texts + namesBytes(inputKeys) + 60 * (options.workers?.length ?? 0);
}

/** Of what retains so many tasks, such as a published name. */
export function retentionBytes({ what, tasks }: { what: string; tasks: readonly Task[] }): number {
  return tasks.length === 0 ? 0 : 150 + what.length + 150 * tasks.length;
}

/** Of a list of names. */
export function namesBytes(names: Iterable<string> = []): number {
  let bytes = 0;
  for (const name of names) bytes += 2 * textBytes + name.length;
  return bytes;
}

export function failureBytes({ message, error }: Failure): number {
  let bytes = 200 + textBytes + message.length;
  const records: ErrorRecord[] = error ? [error] : [];
  for (let record; (record = records.pop());) {
    const { name, message: own, stack = "", code = "", properties = "", thrown = "" } = record;
    for (const text of [name, own, stack, code, properties, thrown])
      bytes += textBytes + text.length;
    if (record.cause) records.push(record.cause);
    records.push(...(record.errors ?? []));
  }
  return bytes;
}
