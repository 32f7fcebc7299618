// The public face inside a task: `import { currentTask } from "thence/worker"`. The client there is the one
// that programs have. Only its type is known here: the program that starts the worker says which module makes
// it (`WorkerOptions.taskClient`).

import "../src/supported-node.ts";
import type { Client } from "../client/client.ts";
import type { UntypedTasks } from "../client/types.ts";
import {
  currentTask as bareCurrentTask,
  type CurrentTask as BareTask,
} from "./thread/current-task.ts";

export type { Client } from "../client/client.ts";
export { NonRetriableError } from "../src/errors/errors.ts";
export { exec, type ExecOptions, type ExecOutput, type ExecResult } from "./exec.ts";

/** The task that is running. Its parts may be taken out of it: `const { signal, progress } = currentTask();`. */
export type CurrentTask<Tasks = UntypedTasks> = Omit<BareTask, "client"> & {
  /**
   * Submits sub-tasks, with all that a program's client can do. While the task waits for one, its
   * slot is free for others, and so are the resources that it asked for: waiting never deadlocks.
   * Its sub-tasks are released when the task ends, except those given to `fireAndForget`.
   *
   * @throws {ConnectionError} when first asked for after the task has ended
   * @example
   * export async function fib(n: number): Promise<number> {
   *   if (n < 2) return n;
   *   const { client } = currentTask();
   *   const [a, b] = await client.gather([client.submit(fib, n - 1), client.submit(fib, n - 2)]);
   *   return a + b;
   * }
   */
  readonly client: Client<Tasks>;
};

/**
 * The task that is running, from within it: in the function itself, and in whatever it calls or
 * awaits. With the type of a module its client knows the names there.
 *
 * @throws {ThenceError} `no-current-task` when called outside of a task
 * @example
 * export async function download(url: string) {
 *   const response = await fetch(url, { signal: currentTask().signal });
 *   return response.text();
 * }
 */
export const currentTask = bareCurrentTask as <Tasks = UntypedTasks>() => CurrentTask<Tasks>;
