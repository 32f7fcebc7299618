// What the clients of a churn run: values of every size, failures, endless calls, and tasks of tasks.

import { currentTask } from "../../worker/index.ts";

export const add = (x: number, y: number): number => x + y;

/** A text on the heap, of so many characters. */
export const text = (characters: number): string => "x".repeat(characters);

/** Bytes beside the heap. */
export const bytes = (count: number): Uint8Array => new Uint8Array(count).fill(7);

export const lengthOf = (value: { length: number }): number => value.length;

export function fail(characters: number): never {
  throw new Error("y".repeat(characters), { cause: new Error("z".repeat(characters)) });
}

/** Ends when it is cancelled, and only then. */
export async function endless(): Promise<void> {
  const { signal } = currentTask();
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** Never returns to its thread by itself. */
export function spin(): never {
  for (;;) Math.random();
}

/** So many tasks below this one, which add up to their number. */
export async function family(depth: number): Promise<number> {
  if (depth === 0) return 1;
  const { client } = currentTask();
  const children = [1, 2].map(() => client.submit("family", depth - 1));
  const [left, right] = await Promise.all(children.map((child) => child.result()));
  return (left as number) + (right as number);
}

export const dies = (): never => process.kill(process.pid, "SIGKILL") as never;
