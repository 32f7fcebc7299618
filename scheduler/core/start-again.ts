// A scheduler goes on where an earlier one ended. What was true of the earlier one's surroundings, its
// options and the job that it ran in, is not true any more.

import type { CoreOptions, State } from "./state.ts";

export function startAgain(state: State, options: CoreOptions): void {
  Object.assign(state.options, options);
  state.timeLimit = undefined;
  state.noWorkerComing = undefined;
}
