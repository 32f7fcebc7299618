// What a simulated task may have come to: its value by the model, or a failure that something which
// happened accounts for. Nothing else is right.

import type { PlannedTask, Part } from "./workload.ts";
import { bigValueOf, digest, spawnedValueOf, valueOf } from "./functions.ts";

export type Facts = {
  tasks: readonly PlannedTask[];
  /** How often it may have been executing, for all that the scheduler knew, when it was cut short. */
  mostLosses: (id: number) => number;
  cancelled: ReadonlySet<number>;
  /** Clients that the scheduler may have given up. */
  mayBeLost: (client: number) => boolean;
  /** Its client may not hold it any more when another client's use of it arrives. */
  mayLetGo: (id: number) => boolean;
  /** A client restarted everything, perhaps after it was submitted. */
  mayBeRestarted: (id: number) => boolean;
  /** The scheduler may have taken nothing new when it heard of it. */
  mayBeRefused: (id: number) => boolean;
  maxWorkerLosses: number;
  /** The least memory that a worker has. */
  leastMemoryBytes: number;
};

/** The value of every task, had nothing failed. */
export function modelValues(tasks: readonly PlannedTask[]): unknown[] {
  const values: unknown[] = [];
  for (const { id, name, parts, rest } of tasks) {
    const inputs = resolve(parts, values);
    if (name === "big") values.push(bigValueOf(id, inputs, rest[1]!));
    else if (name === "spawns") values.push(spawnedValueOf(id, inputs, rest[1]!));
    else values.push(valueOf(id, inputs));
  }
  return values;
}

/** The arguments as values, or as whatever stands for them. */
export function resolve(part: Part, values: readonly unknown[]): unknown {
  if ("of" in part) return values[part.of];
  if ("number" in part) return part.number;
  const items = (parts: readonly Part[]) => parts.map((item) => resolve(item, values));
  if ("list" in part) return items(part.list);
  if ("set" in part) return new Set(items(part.set));
  if ("map" in part) return new Map(items(part.map).map((item, index) => [`key ${index}`, item]));
  return Object.fromEntries(items(part.record).map((item, index) => [`part${index}`, item]));
}

/** In words that `outcomeOf` says too. */
export function possibleOutcomes(facts: Facts): Set<string>[] {
  const possible: Set<string>[] = [];
  for (const task of facts.tasks) {
    const { id, inputs, options, client } = task;
    const outcomes = new Set<string>();
    if (inputs.every((input) => possible[input]!.has("value"))) {
      for (const own of ownOutcomes(task, facts)) outcomes.add(own);
      const worn = facts.mostLosses(id) >= facts.maxWorkerLosses;
      if (worn) outcomes.add(`worker-lost ${id}`);
      if (worn && task.name === "spawns") outcomes.add(`sub-task worker-lost ${id}`);
      if (options.atMostOnce) {
        outcomes.add(`worker-lost ${id}`);
        outcomes.add("lost-data");
      }
    }
    const isTooLarge = inputBytes(task, facts) > facts.leastMemoryBytes;
    if (isTooLarge) outcomes.add(`unschedulable ${id}`);
    if (options.expiresMs !== undefined) outcomes.add(`task-timeout ${id}`);
    if (facts.cancelled.has(id) || facts.mayBeRestarted(id)) outcomes.add("cancelled");
    if (facts.mayBeLost(client)) outcomes.add("lost");
    if (facts.mayBeRefused(id)) outcomes.add("overloaded");
    for (const input of inputs) {
      for (const outcome of possible[input]!) if (outcome !== "value") outcomes.add(outcome);
      // Submitted before its client had heard that the input was cancelled.
      if (possible[input]!.has("cancelled")) outcomes.add("lost-data");
      const owner = facts.tasks[input]!.client;
      // A client that has let go of a future does not hear that its task was refused.
      const isUnheard = owner !== client || facts.mayBeRefused(input);
      if (isUnheard && facts.mayLetGo(input)) outcomes.add("lost-data");
    }
    possible.push(outcomes);
  }
  return possible;
}

/** Roughly, and each input as often as the arguments may hold it. */
function inputBytes({ inputs }: PlannedTask, { tasks }: Facts): number {
  const bytesOf = (id: number) => (tasks[id]!.name === "big" ? tasks[id]!.rest[1]! : 0);
  return inputs.reduce((sum, input) => sum + bytesOf(input) + 200, 0);
}

function ownOutcomes({ id, name, rest, options }: PlannedTask, facts: Facts): string[] {
  switch (name) {
    case "fails":
      return [`task-failed ${id}`];
    case "obeys":
      return [];
    case "dies":
    case "kills":
      return rest[1]! < facts.maxWorkerLosses ? ["value"] : [];
    case "flaky":
      // What it threw may be lost with its worker, or a client tries it again.
      return options.retries === undefined ? ["value", `task-failed ${id}`] : ["value"];
    case "hangs": {
      if (options.timeoutMs === undefined) return [];
      return rest[1] === 1 ? ["value"] : [`task-timeout ${id}`];
    }
    default:
      return ["value"];
  }
}

/** What became of a future, in one word or two. */
export function outcomeOf(
  settled: { value: unknown } | { error: unknown },
  expected: unknown,
  taskOf: (key: string) => number | undefined,
): string {
  if ("value" in settled) {
    const isRight = digest(settled.value) === digest(expected);
    return isRight ? "value" : `the wrong value ${JSON.stringify(settled.value)?.slice(0, 80)}`;
  }
  const error = settled.error as Error & { code?: string; key?: string; cause?: Error };
  if (error.code === "task-cancelled") return "cancelled";
  if (error.code === "connection-failed") return "lost";
  if (error.code === "lost-data" || error.code === "overloaded") return error.code;
  if (error.code === "task-failed") {
    const found = /fails (\d+)/.exec(error.cause?.message ?? "");
    if (found) return `task-failed ${found[1]}`;
  }
  const root = error.key === undefined ? undefined : taskOf(error.key);
  const isOfSubTask = error.code === "task-failed" && error.cause?.name === "WorkerLostError";
  if (isOfSubTask && root !== undefined) return `sub-task worker-lost ${root}`;
  const known =
    ["task-timeout", "worker-lost", "unschedulable"].includes(error.code ?? "") &&
    root !== undefined;
  return known ? `${error.code} ${root}` : `${error.code ?? error.name}: ${error.message}`;
}
