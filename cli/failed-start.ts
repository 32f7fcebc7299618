// A worker that cannot start tells the scheduler why, if that can be reached.

import { ThenceError } from "../src/errors/errors.ts";
import type { LastWords } from "../worker/last-words.ts";

type Words = Pick<LastWords, "target" | "name" | "job" | "localAddress"> & {
  signal?: AbortSignal;
  /** Called when the scheduler has heard it. */
  onHeard?: () => void;
};

/** Returns what an attempt gives. When it fails, says why to the scheduler, and throws the same error. */
export async function orSayWhy<Value>(
  { signal, onHeard, ...words }: Words,
  attempt: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await attempt();
  } catch (error) {
    if (!signal?.aborted && !cannotConnect(error)) {
      const { sayLastWords } = await import("../worker/last-words.ts");
      const how = error instanceof Error ? error.message : String(error);
      if (await sayLastWords({ ...words, how })) onHeard?.();
    }
    throw error;
  }
}

/** The scheduler cannot be reached, or has refused this worker itself. */
function cannotConnect(error: unknown): boolean {
  const codes = ["connection-failed", "not-authenticated", "protocol-violated"];
  return error instanceof ThenceError && codes.includes(error.code);
}
