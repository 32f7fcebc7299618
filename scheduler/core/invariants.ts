// Everything that must hold between two steps, derived anew from the whole state: slow, and meant for
// tests, the simulation and the replay of a recorded run. Each room has the invariants of its own.

import { checkClients } from "./clients/invariants.ts";
import { checkCoordination } from "./coordination/invariants.ts";
import { checkPlacement } from "./placement/invariants.ts";
import { checkSchedules } from "./schedules/invariants.ts";
import { checkLedger } from "./memory/invariants.ts";
import type { State } from "./state.ts";
import { checkTasks } from "./tasks/invariants.ts";
import { checkValues } from "./values/invariants.ts";
import { checkWorkers } from "./workers/invariants.ts";

/** Throws an error that says what does not hold. */
export function checkInvariants(state: State): void {
  checkTasks(state);
  checkValues(state);
  checkPlacement(state);
  checkWorkers(state);
  checkClients(state);
  checkCoordination(state);
  checkSchedules(state);
  checkLedger(state);
}
