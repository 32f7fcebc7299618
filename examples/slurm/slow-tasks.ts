// A task that takes a second.

import { setTimeout as sleep } from "node:timers/promises";

export async function square(x: number): Promise<number> {
  await sleep(1_000);
  return x * x;
}
