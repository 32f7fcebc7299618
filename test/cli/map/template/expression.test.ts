// Expressions in JavaScript: what their result is, their helpers, and how wrong ones are refused.

import { describe, expect, test } from "vitest";
import { compileFilters } from "../../../../cli/map/template/filter.ts";
import type { Job } from "../../../../cli/map/jobs/job.ts";
import {
  compileTemplate,
  plainSettings,
  type TemplateSettings,
} from "../../../../cli/map/template/template.ts";

const job: Job = { seq: 3, slot: 2, rows: [["5", "b c"]] };

function render(word: string, settings: Partial<TemplateSettings> = {}, of = job) {
  return compileTemplate([`x ${word}`], { ...plainSettings, ...settings }).render(of);
}

describe("the result of an expression", () => {
  test.each([
    ["{=1 _ * 2 =}", "10"],
    ["{=1 _ *= 2 =}", "10"],
    ["{=1 _++ =}", "6"],
    ["{=1 _ = _ + 1; =}", "51"],
    ["{=1 Number(_) + 1; =}", "6"],
    ["{=1 if (_ > 4) _ = 'large' =}", "large"],
    ["{=1 if (_ > 9) _ = 'large' =}", "5"],
    ["{=1 if (_ > 4) return 'large' =}", "large"],
    ["{=1 for (let i = 0; i < 2; i++) _ += i =}", "501"],
    ["{=1 _ // a comment =}", "5"],
    ["{=1 =}", "5"],
    ["{=2 _.toUpperCase() =}", "'B C'"],
    ["{=-1 _.length =}", "3"],
    ["{=1 arg(2) + arg(-2) =}", "'b c5'"],
    ["{=1 args().join('+') =}", "'5+b c'"],
    ["{=1 `${seq()}/${total_jobs()}@${slot()}` =}", "'3/7@2'"],
    ["{=2 _ = Q(_); uq() =}", "'b c'"],
    ["{=1 _ = '$HOME'; uq() =}", "$HOME"],
    ["{=1 hash(_) === hash('5') =}", "true"],
    ["{=1 yyyymmdd().length + hh_mm_ss().length =}", "16"],
  ])("%s is %s", (word, text) => {
    expect(render(word, { totalJobs: () => 7 })).toEqual({ text: `x ${text}`, skipped: false });
  });

  test("skip() leaves the job out", () => {
    expect(render("{=1 if (_ == 5) skip() =}")).toEqual({ text: "x 5", skipped: true });
    expect(render("{=1 skip() =}").skipped).toBe(true);
    expect(render("{=2 if (_ == 5) skip() =}").skipped).toBe(false);
  });

  test("an expression is evaluated once for each value of a job", () => {
    const counting = "{= globalThis.counted = (globalThis.counted ?? 0) + 1 =}";
    const template = compileTemplate(["echo", counting, counting], plainSettings);
    const commands = [1, 2].map((seq) => template.render({ ...job, seq }).text);
    expect(commands).toEqual(["echo 1 2 1 2", "echo 3 4 3 4"]);
  });

  test("--rpl passes its groups, and may have a position", () => {
    const rpl = ["{cut(\\d+)} _.slice($$1)", "{jobs} 1 seq() + 1", "// _ = _ + _"];
    expect(render("{2cut1} {jobs} //", { rpl }).text).toBe("x ' c' 4 55 'b cb c'");
  });

  test("other parentheses, renamed strings and names of columns", () => {
    // A string without braces has no positions, so `-I @` takes them from `{2}` and `{a.b}`.
    const settings = { parens: ",,,,", renamed: { "{}": "@" }, headers: ["n", "a.b"] };
    expect(render(",,n _ + 1,, {} {a.b} {n.} ,,a.b _.length,,", settings).text).toBe(
      "x 51 {} {2} 5 3",
    );
  });

  test("the number of all jobs is needed only by what asks for it", () => {
    const needs = (word: string) =>
      compileTemplate([word], { ...plainSettings, plus: true }).needsTotal;
    expect(["{}", "{#}", "{= seq() =}", "{0%}"].filter(needs)).toEqual([]);
    expect(["{##}", "{0#}", "{= total_jobs() =}"].filter((word) => !needs(word))).toEqual([]);
  });
});

describe("wrong expressions", () => {
  test.each([
    ["{= _ + =}", /"_ \+" is not JavaScript: .*the value is `_`/i],
    ["{= $_ = $_ + 1 =}", /is Perl.*Number\(_\) \+ 1/],
    ["{= s/a/b/ =}", /is Perl.*_\.replace/],
    ["{= $job->seq() =}", /is Perl/],
    ["{%[}", /the pattern "\[" is no regular expression/],
    ["{##*/}", /the pattern "\*\/" is no regular expression: .*".\*"/],
  ])("%s is refused", (word, message) => {
    expect(() => render(word, { plus: true })).toThrow(message);
  });

  test("an error names the expression, the job and the value", () => {
    expect(() => render("{=2 unknown() =}")).toThrow(
      'the expression "unknown()" failed at job 3 for the value "b c": unknown is not defined',
    );
  });
});

describe("--filter", () => {
  test.each([
    [["{1} < 6"], true],
    [["{1} < 5"], false],
    [["{1} < 6", '"{2}" === "b c"'], true],
    [["{1} < 6", '"{2}" === "c"'], false],
    [["seq() === 3 && _ === '5'"], true],
    [["{=1 _ * 2 =} === 10"], true],
  ])("%j is %s", (conditions, met) => {
    expect(compileFilters(conditions, plainSettings)(job)).toBe(met);
  });

  test("a value that makes the condition unreadable is an error", () => {
    expect(() => compileFilters(["{2} < 1"], plainSettings)(job)).toThrow(/not JavaScript/);
  });
});
