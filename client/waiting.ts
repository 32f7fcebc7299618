// Waiting for futures to settle, without their values; shown as it goes where that is asked for.

import { atCaller } from "../src/errors/stack.ts";
import type { Future } from "./future.ts";
import { checkedState, statesOf, type Futures } from "./handles.ts";
import { checkedNames } from "./option-checks.ts";
import { follow } from "./progress.ts";
import { watch } from "./watch.ts";

export type WaitOptions = {
  /** "first": as soon as one has settled. Default: "all". */
  returnWhen?: "all" | "first";
  /** Milliseconds; default: no limit. */
  timeoutMs?: number;
};

export type ProgressOptions = {
  /** Shown before the names of the functions. */
  label?: string;
};

/** Waits until all have settled, or the first has; those that have and those that have not. */
export async function wait<Member extends Future>(
  futures: Iterable<Member>,
  options: WaitOptions,
): Promise<{ done: Member[]; notDone: Member[] }> {
  const { returnWhen = "all", timeoutMs } = checkedNames(
    options,
    ["returnWhen", "timeoutMs"],
    "wait",
  );
  if (returnWhen !== "all" && returnWhen !== "first") {
    throw new TypeError(`returnWhen must be "all" or "first", not ${JSON.stringify(returnWhen)}`);
  }
  const members = [...futures];
  try {
    await watch(members.map(checkedState), { until: returnWhen, timeoutMs });
  } catch (error) {
    throw atCaller(error);
  }
  const { done = [], notDone = [] } = Object.groupBy(members, (future) =>
    future.done ? "done" : "notDone",
  );
  return { done, notDone };
}

/** Shows on a terminal how far futures have come; resolves when all have settled. */
export async function progress(futures: Futures, options: ProgressOptions): Promise<void> {
  const { label } = checkedNames(options, ["label"], "progress");
  if (label !== undefined && typeof label !== "string") {
    throw new TypeError(`label must be a string, not ${typeof label}`);
  }
  const states = statesOf(futures);
  const display = isTerminal()
    ? (await import("./terminal-bars.ts")).terminalBars(label)
    : undefined;
  if (display) await follow(states, display);
  else await watch(states, {});
}

/** False in a browser. */
function isTerminal(): boolean {
  return (globalThis.process as NodeJS.Process | undefined)?.stderr?.isTTY === true;
}
