// Making the calls of one frame.

import * as tasks from "../tasks.ts";
import type { Call, Result } from "./frames.ts";

const functions = new Map<string, (...args: never[]) => unknown>(Object.entries(tasks));

export function makeCalls(calls: readonly Call[]): Result[] {
  return calls.map(([id, name, args]) => [id, functions.get(name)?.(...(args as never[]))]);
}
