// Brings a value to the client inside a task, which cannot fetch for itself.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../src/log.ts";
import type { ToClient } from "../../src/wire/protocol.ts";
import type { Call } from "./call.ts";
import type { Reports } from "../reports.ts";
import type { Results } from "../results/results.ts";

/** When the value is not where it was said to be. */
const askAgainMs = 200;

export type BringFrom = {
  readonly results: Pick<Results, "keep" | "gather" | "bring">;
  readonly reports: Reports;
  readonly log: Log;
};

/** Never rejects: when the value is not to be had, the scheduler is asked again where it is. */
export async function bring(
  call: Call,
  located: Extract<ToClient, { type: "located" }>,
  from: BringFrom,
): Promise<void> {
  const { key } = located;
  try {
    const value = await from.results.bring(located);
    call.thread?.tellInside(call, { type: "fetched", key, value });
  } catch (error) {
    from.log.info(`${call.key} could not get ${key} yet: ${(error as Error).message}`);
    await delay(askAgainMs);
    if (call.thread !== undefined) from.reports.fromInside(call, { type: "fetch", keys: [key] });
  }
}
