// Ends executing calls before they return. A call is asked to end by its signal; when it has not ended
// after the grace, its thread is terminated.

import type { Log } from "../../src/log.ts";
import { outOfTime, type Call, type Ending } from "./call.ts";

/** The longest time that `setTimeout` can count. */
const longestTimerMs = 2 ** 31 - 1;

export class Endings {
  readonly #graceMs: number;
  readonly #log: Log;

  constructor(options: { graceMs: number; log: Log }) {
    this.#graceMs = options.graceMs;
    this.#log = options.log;
  }

  /** Asks a call to end when it has executed for this long. */
  limitTime(call: Call, timeoutMs: number): void {
    this.#limitIn(call, timeoutMs, timeoutMs);
  }

  /** The time counts from when the call began, which may be later than when it was handed over. */
  #limitIn(call: Call, ms: number, timeoutMs: number): void {
    clearTimeout(call.timer);
    call.timer = setTimeout(
      () => {
        if (call.thread === undefined) return;
        const now = performance.now();
        const leftMs = (call.thread.handed.beganAt(call) ?? now) + timeoutMs - now;
        if (leftMs > 0) this.#limitIn(call, leftMs, timeoutMs);
        else this.ask(call, { code: "task-timeout", message: outOfTime(call.terms) });
      },
      Math.min(ms, longestTimerMs),
    );
  }

  /** Asks a call to end, and gives it its grace; false when it is not executing. */
  ask(call: Call, ending: Ending): boolean {
    const { thread } = call;
    const code = ending.code === "task-timeout" ? ending.code : "task-cancelled";
    if (thread?.askToEnd(call, code, ending.message) !== true) return false;
    call.ending = ending;
    clearTimeout(call.timer);
    const graceMs = call.terms.options?.graceMs ?? this.#graceMs;
    call.timer = setTimeout(
      () => {
        this.#log.info("a task did not end when asked to: its thread is replaced", {
          task: call.key,
        });
        void thread.terminate();
      },
      Math.min(graceMs, longestTimerMs),
    );
    return true;
  }
}
