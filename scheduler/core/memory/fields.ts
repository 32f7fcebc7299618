// How each field of the state is counted. A new one does not compile without an entry here.

import type { State } from "../state.ts";
import { taskBytes } from "./sizes.ts";

/** Bytes of each entry of a table; or in words, where it is entered, or why it is small. */
const fields = {
  options: "small: one object",
  tasks: taskBytes,
  workers: "entered: workers/membership.ts",
  clients: "entered: clients/create-client.ts",
  counts: "small: numbers",
  totals: "small: numbers",
  functions: "entered: with the specs that call them, and in workers/repertoires.ts",
  repertoires: "entered: workers/repertoires.ts",
  history: "small: it has a size",
  submission: "small: one object",
  constraints: "entered: with the specs",
  sites: "entered: with the specs",
  runHeads: "entered: with the specs",
  rosters: "entered: with the functions and the specs",
  namedWorkers: "entered: with the specs that name them, and with the workers",
  ready: "entered: with the specs and the tasks",
  free: "entered: with the workers",
  openAhead: "entered: with the workers",
  surplus: "entered: with the workers",
  surplusLeft: "small: a number",
  slotsFreed: "small: a number",
  reservation: "small: one object",
  limits: "entered: rates in placement/limits.ts, and the rest with the specs",
  suspects: "entered: with the tasks",
  becameReady: "entered: with the specs",
  unschedulableTimers: 100,
  tooLarge: 100,
  vigil: "small: one object",
  noWorkerComing: "small: one text",
  timeLimit: "entered: with the tasks",
  noMoreWorkers: "small: one text",
  descendants: 300,
  keptBytes: "small: a number",
  offloading: "small: a flag",
  replicaRequests: 350,
  scatters: "entered: values/scatters.ts",
  retentions: "entered: clients/retention.ts",
  kept: 100,
  offers: "entered: clients/retention.ts",
  published: "entered: clients/published.ts",
  feeds: "entered: clients/feeds.ts",
  unreadEvents: "entered: clients/feeds.ts",
  coordination: "entered: coordination/",
  schedules: "entered: schedules/",
  hurrying: "small: empty between steps",
  endedClients: "small: empty between steps",
  registered: "entered: with the functions",
  restarts: "small: there is a bound, and each is of workers",
  retirements: "entered: with the workers, and what clients asked for in workers/retiring.ts",
  leaving: "entered: with the workers",
  departures: "small: there is a bound",
  failedStarts: "small: a number",
  joins: "small: a number",
  lastJoinAt: "small: a number",
  lastDepartureAt: "small: a number",
  ledger: "entered: with the failures and reasons",
  timers: 110,
  wallTimers: 110,
  wallAheadMs: "small: a number",
  random: "small: a number",
} as const satisfies {
  readonly [Field in keyof State]: number | `entered: ${string}` | `small: ${string}`;
};

const {
  tasks,
  unschedulableTimers,
  tooLarge,
  descendants,
  replicaRequests,
  kept,
  timers,
  wallTimers,
  ...others
} = fields;
// Compiles as long as `tableBytes` sums all that are numbers.
others satisfies { readonly [name: string]: string };

/**
 * Bytes of what is counted by the lengths of its tables. They are written out, since this is asked with every message,
 * and to read the fields of the state by their names takes five times as long.
 */
export function tableBytes(state: State): number {
  return (
    tasks * state.tasks.size +
    unschedulableTimers * state.unschedulableTimers.size +
    tooLarge * state.tooLarge.size +
    descendants * state.descendants.size +
    replicaRequests * state.replicaRequests.size +
    kept * state.kept.size +
    timers * state.timers.size +
    wallTimers * state.wallTimers.size
  );
}
