// Waiting for a while, in Node and in browsers.

import { setTimeout } from "../src/timers.ts";

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
