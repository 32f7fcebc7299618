// Fetches a value for the client inside a task: a thread has no connections of its own.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../src/log.ts";
import type { ToClient } from "../../src/wire/protocol.ts";
import type { Reports } from "../reports.ts";
import type { Results } from "../results/results.ts";
import type { Call } from "./call.ts";

/** The pause before the scheduler is asked again where the value is. */
const askAgainMs = 200;

export type FetchForTaskOptions = {
  readonly results: Pick<Results, "fetch">;
  readonly reports: Reports;
  readonly log: Log;
};

/** Never rejects: when no holder gives the value, the scheduler is asked again where it is. */
export async function fetchForTask(
  call: Call,
  located: Extract<ToClient, { type: "located" }>,
  { results, reports, log }: FetchForTaskOptions,
): Promise<void> {
  const { key } = located;
  try {
    const value = await results.fetch(located);
    call.thread?.tellClient(call, { type: "fetched", key, value });
  } catch (error) {
    log.info(`${call.key} could not fetch ${key} yet: ${(error as Error).message}`);
    await delay(askAgainMs);
    if (call.thread !== undefined) reports.sub(call, { type: "fetch", keys: [key] });
  }
}
