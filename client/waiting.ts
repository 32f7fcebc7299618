// Waiting for futures, in the ways that a client offers: for all of them, for the first, for their
// values, for each as it settles.

import { atCaller } from "../src/errors/stack.ts";
import { AsCompleted } from "./as-completed.ts";
import type { Future } from "./future.ts";
import { gather, type GatherOptions } from "./gather.ts";
import { checkedState, statesOf, type Futures } from "./handles.ts";
import { checkedNames } from "./option-checks.ts";
import { follow } from "./progress.ts";
import { Submitter } from "./submitter.ts";
import type { UntypedTasks } from "./types.ts";
import type { Gathered, GatheredSome } from "./value-types.ts";
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

export class Waiting<Tasks = UntypedTasks> extends Submitter<Tasks> {
  /**
   * Waits for all futures in a value, and gives a copy of it with their values in place. They may
   * be anywhere in arrays, plain objects, Maps and Sets; shape and order are kept.
   *
   * @param shape anything holding futures
   * @param options `errors`: "raise" (default) fails with the first failure there is; "skip" leaves
   *   failed and cancelled ones out of the top-level array, with the items that hold one
   * @throws what failed, as `Future.result` does
   * @example await client.gather({ sum, parts: [one, two] }); // { sum: 3, parts: [1, 2] }
   */
  gather<const Shape>(shape: Shape, options: { errors: "skip" }): Promise<GatheredSome<Shape>>;
  gather<const Shape>(shape: Shape, options?: GatherOptions): Promise<Gathered<Shape>>;
  gather(shape: unknown, options?: GatherOptions): Promise<unknown> {
    return gather(shape, options);
  }

  /**
   * Waits until futures have settled; one that failed counts as done. No value is fetched.
   *
   * @returns those that have and those that have not, each in the order given
   * @throws {TimeoutError} after `timeoutMs`; the tasks go on
   * @example const { done, notDone } = await client.wait(futures, { returnWhen: "first" });
   */
  async wait<Member extends Future>(
    futures: Iterable<Member>,
    options: WaitOptions = {},
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

  /**
   * Iterates over futures as they settle, in settling order: failed and cancelled ones, too. Takes
   * more of them at any time by `add`; `count` is how many are still to come. See `AsCompleted`.
   *
   * @param futures of this client; those that have settled already come first
   * @throws {TypeError} when one is no future, or was released
   * @example
   * const results = client.asCompleted(client.map("measure", points));
   * for await (const future of results) {
   *   const { next } = await future.result(); // throws what the task failed with
   *   if (next) results.add(client.submit("measure", next));
   * }
   */
  asCompleted<Member extends Future>(futures: Iterable<Member>): AsCompleted<Member> {
    return new AsCompleted(futures);
  }

  /**
   * Shows on standard error how far futures have come, a bar for each function, and resolves when all
   * have settled: failed and cancelled ones count as done, and as failed. On a terminal only: else it
   * prints nothing and still resolves when all have settled. No value is fetched.
   *
   * @param options `label` stands before each function's name
   * @throws {TypeError} when one is no future, or was released
   * @example
   * await client.progress(client.map("render", frames), { label: "film" });
   * // film: render ████████████████░░░░░░░░░░░░░░ 52% | 52/100 | 14s
   */
  async progress(futures: Futures, options: ProgressOptions = {}): Promise<void> {
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
}

/** False in a browser. */
function isTerminal(): boolean {
  return (globalThis.process as NodeJS.Process | undefined)?.stderr?.isTTY === true;
}
