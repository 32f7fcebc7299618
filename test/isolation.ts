// Where the workers of a test file run their tasks. A file that imports `in-processes.ts` before the tests
// of another file has them run once more, with a process for each executor.

import type { Isolation } from "../worker/isolation.ts";

export const tested: { isolation: Isolation } = { isolation: "threads" };
