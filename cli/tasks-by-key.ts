// For commands that do something to several tasks: what cannot be done to one is said, and the others go on.

import { LostDataError } from "../src/errors/errors.ts";
import { printable } from "./output.ts";

/**
 * @param act returns why it could not be done; nothing when it was
 * @throws {Error} in the end, when something could not be done to some of them
 */
export async function forEachTask(
  keys: readonly string[],
  act: (key: string) => Promise<string | undefined>,
): Promise<void> {
  let undone = 0;
  for (const key of new Set(keys)) {
    const why = await act(key).catch((error: unknown) => {
      if (error instanceof LostDataError) return error.message;
      throw error;
    });
    if (why === undefined) continue;
    undone++;
    process.stderr.write(`thence: ${printable(key)}: ${why}\n`);
  }
  if (undone > 0) throw new Error(`not done for ${undone} of ${new Set(keys).size} tasks`);
}
