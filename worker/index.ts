// The public face inside a task: `import { currentTask } from "thence/worker"`. The client there is
// the one that programs have; the type says so, and whoever starts the worker sees to it.

import "../src/supported-node.ts";
import type { Client } from "../client/client.ts";
import type { UntypedTasks } from "../client/types.ts";
import {
  currentTask as bareCurrentTask,
  type CurrentTask as BareTask,
} from "./thread/current-task.ts";

export { NonRetriableError } from "../src/errors/errors.ts";

/** The task that is running. Its parts may be taken out of it: `const { signal, progress } = currentTask();`. */
export type CurrentTask<Tasks = UntypedTasks> = Omit<BareTask, "client"> & {
  /**
   * Submits sub-tasks, with all that a program's client can do. While the task waits for one, its
   * slot is free for others, and so are the resources that it asked for: waiting never deadlocks.
   * What it submitted is released when the task ends in whatever way, but for `fireAndForget`.
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
