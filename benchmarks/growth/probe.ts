// Loaded into the scheduler's process before it starts (`--import`): measures it from inside and
// tells when asked.

import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { answerQuestions } from "../runner/questions.ts";

/** Since the last question. */
export type Probed = {
  /** Of the whole process, its garbage collector too. */
  cpuMicros: number;
  /** The longest time for which nothing else had a turn. */
  longestPauseMs: number;
  /** The most processor time of the main thread between two turns: a pause that is its own doing. */
  busiestTurnMs: number;
  /** The longest that the collector stopped everything. */
  longestCollectionMs: number;
  /** Resident memory at its highest, since the process began. */
  peakBytes: number;
};

/** How often it is looked whether others get a turn. */
const TURN_MS = 2;

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let longestCollectionMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) {
    longestCollectionMs = Math.max(longestCollectionMs, duration);
  }
}).observe({ entryTypes: ["gc"] });
let busiestTurnMs = 0;
let turnBegan = threadMs();
setInterval(() => {
  const now = threadMs();
  busiestTurnMs = Math.max(busiestTurnMs, now - turnBegan);
  turnBegan = now;
}, TURN_MS).unref();
let before = process.cpuUsage();

answerQuestions<"read">(async () => {
  const { user, system } = process.cpuUsage(before);
  const probed: Probed = {
    cpuMicros: user + system,
    longestPauseMs: delay.max / 1e6,
    busiestTurnMs,
    longestCollectionMs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  delay.reset();
  longestCollectionMs = busiestTurnMs = 0;
  before = process.cpuUsage();
  return probed;
});

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
// Whoever measures must not keep alive what is measured.
process.channel?.unref();
