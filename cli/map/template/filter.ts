// `--filter`: conditions that a job must meet to be run. The values are put into the text of the
// condition, as in GNU Parallel, so that `{1} < {2}` compares numbers and `"{1}" < "{2}"` texts.

import { compileExpression } from "./expression.ts";
import type { Job } from "../jobs/job.ts";
import { compileTemplate, type TemplateSettings } from "./template.ts";

/** Compiles conditions: whether a job meets all of them. */
export function compileFilters(
  conditions: readonly string[],
  settings: TemplateSettings,
): (job: Job) => boolean {
  const templates = conditions.map((condition) =>
    compileTemplate([condition], { ...settings, appendValues: false }),
  );
  return (job) => {
    const values = job.rows.flat();
    return templates.every((template) => {
      const met = compileExpression(`!!(${template.renderPlain(job)}\n)`, settings);
      const rendering = { job, values, skipped: false, unquoted: false };
      return met(values[0] ?? "", rendering, 0) === "true";
    });
  };
}
