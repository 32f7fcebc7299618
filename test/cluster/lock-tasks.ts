// Tasks that take turns by a lock.

import { setTimeout as sleep } from "node:timers/promises";
import { currentTask } from "../../worker/index.ts";

/** Reads a number, lets others run, and writes the next one: wrong when two tasks do it at once. */
export async function countUp(name: string): Promise<number> {
  const { client } = currentTask();
  return client.lock(name).with(async () => {
    const variable = client.variable<number>(name);
    const next = (await variable.get()) + 1;
    await sleep(2);
    await variable.set(next);
    return next;
  });
}
