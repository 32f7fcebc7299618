// Tasks that fail, each time in a way of its own, and count their attempts in a file.

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { currentTask, NonRetriableError } from "../../worker/index.ts";

const begin = (file: string) => appendFileSync(file, `${currentTask().attempt}\n`);

export function givesUp(file: string): never {
  begin(file);
  throw new NonRetriableError("the card is not valid");
}

export function refused(file: string): never {
  begin(file);
  throw new TypeError("fetch failed", {
    cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }),
  });
}

export async function hangs(file: string): Promise<void> {
  begin(file);
  await sleep(60_000, undefined, { signal: currentTask().signal });
}
