// `--halt`: decides, as jobs end, whether the others shall still be started or run to their end.

import type { Halt, HaltTime } from "../command-line/option-values.ts";
import type { Ending } from "./work.ts";

export type Tally = { readonly ended: number; readonly failed: number };

export class HaltRule {
  readonly #rule: Halt;
  readonly #totalJobs: () => number;
  /** The exit status that the first halt has decided. */
  exitStatus: number | undefined;

  /** @param totalJobs asked for when the rule has a percentage */
  constructor(rule: Halt, totalJobs: () => number) {
    this.#rule = rule;
    this.#totalJobs = totalJobs;
  }

  /** How to tell people of a job that counts for the rule; undefined for others. */
  notice(ending: Ending): string | undefined {
    const rule = this.#rule;
    if (rule.when === "never") return undefined;
    if (rule.on === "done") return "this job ended";
    if (hasFailed(ending)) return rule.on === "fail" ? "this job failed" : undefined;
    return rule.on === "success" ? "this job succeeded" : undefined;
  }

  /**
   * When to halt, now that one more job has ended; undefined: not yet.
   *
   * @param tally with this job
   */
  jobEnded(ending: Ending, { ended, failed }: Tally): HaltTime | undefined {
    const rule = this.#rule;
    if (rule.when === "never" || this.notice(ending) === undefined) return undefined;
    const reached = { fail: failed, success: ended - failed, done: ended }[rule.on];
    const total = "percent" in rule ? this.#totalJobs() : 0;
    const wanted = "percent" in rule ? (total * rule.percent) / 100 : rule.count;
    if (reached < wanted) return undefined;
    if (rule.on === "success") this.exitStatus ??= 0;
    else if (wanted === 1) this.exitStatus ??= statusOf(ending);
    else if ("percent" in rule) this.exitStatus ??= Math.ceil((failed / total) * 100);
    // As GNU Parallel, also when none of the jobs that ended has failed.
    else this.exitStatus ??= Math.min(failed || 101, 101);
    return rule.when;
  }

  /** The exit status of a run in which the rule was not fulfilled; undefined when it has none of its own. */
  statusWithoutHalt(failed: number, started: number): number | undefined {
    if (this.#rule.when === "never" || !("percent" in this.#rule)) return undefined;
    return Math.ceil((failed / (started || 1)) * 100);
  }
}

export function hasFailed({ exitCode, signal }: Ending): boolean {
  return exitCode !== 0 || signal !== 0;
}

/** The status with which a shell ends whose last command ended so. */
function statusOf({ exitCode, signal }: Ending): number {
  if (exitCode !== 0) return exitCode & 255;
  return signal === 0 ? 0 : signal + 128;
}
