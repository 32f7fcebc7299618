// The command line of `thence map`: the spellings of options, and the messages for wrong ones.

import { describe, expect, test } from "vitest";
import { optionsHelp, parseMapCommand } from "../../../../cli/map/command-line/command-line.ts";
import { slotsOn } from "../../../../cli/map/command-line/option-values.ts";

const line = (text: string) => parseMapCommand(text.split(" ").filter(Boolean));
const optionsOf = (text: string) => line(text).options;

describe("words and sources", () => {
  test("options end at the first word that is none", () => {
    const { options, words, sources } = line("-k echo -n {} ::: a b :::+ c ::::+ f - :::: g");
    expect(options.output.keepOrder).toBe(true);
    expect(words).toEqual(["echo", "-n", "{}"]);
    expect(sources).toEqual([
      { values: ["a", "b"], linked: false },
      { values: ["c"], linked: true },
      { path: "f", linked: true },
      { path: "-", linked: true },
      { path: "g", linked: false },
    ]);
  });

  test("two dashes end them as well", () => {
    expect(line("-k -- -N2 ::: a").words).toEqual(["-N2"]);
    expect(line("- ::: a").words).toEqual(["-"]);
  });

  test("standard input is the source when there is no other", () => {
    expect(line("echo").sources).toEqual([{ path: "-", linked: false }]);
    expect(line("-a f echo").sources).toEqual([{ path: "f", linked: false }]);
    expect(line("--pipe cat").sources).toEqual([]);
  });

  test("separators may be other words, even when one begins with the other", () => {
    expect(line("--arg-sep , --arg-file-sep ,, c , a ,+ ::: ,, f").sources).toEqual([
      { values: ["a"], linked: false },
      { values: [":::"], linked: true },
      { path: "f", linked: false },
    ]);
  });

  test("the first word names the function of a module", () => {
    const { function: name, words, options } = line("--module m.ts --module n=p add {2} ::: 1");
    expect({ name, words }).toEqual({ name: "add", words: ["{2}"] });
    expect(options.work.modules).toEqual(["m.ts", "n=p"]);
    expect(line("--function add -k {1} ::: 1")).toMatchObject({ function: "add", words: ["{1}"] });
    expect(line("add ::: 1").function).toBeUndefined();
  });
});

describe("spellings", () => {
  test.each([
    ["-j3"],
    ["-j 3"],
    ["--jobs 3"],
    ["--jobs=3"],
    ["-P3"],
    ["--max-procs=3"],
    ["--maxprocs 3"],
    ["--JOBS 3"],
    ["--max-p 3"],
    ["-kj3"],
    ["-ukj 3"],
  ])("%s", (spelling) => expect(optionsOf(`${spelling} c`).slots).toEqual({ count: 3 }));

  test("a value may begin with a dash", () => {
    expect(optionsOf("-j -1 c").slots).toEqual({ moreThanCores: -1 });
  });

  test("an optional value is the next word unless that is an option", () => {
    const { options, words } = line("-l -i -k echo {} ::: a");
    expect(options.inputs.continued).toBe(true);
    expect(options.batches.mostRows).toBe(1);
    expect(options.template.renamed).toEqual({});
    expect(words).toEqual(["echo", "{}"]);
    expect(line("-l 2 -i ,, echo").options.template.renamed).toEqual({ "{}": ",," });
    expect(line("-l echo").words).toEqual(["echo"]);
    expect(line("-i -l2 echo").options.batches.mostRows).toBe(2);
  });

  test("every option has a help of its own", () => {
    const flags = optionsHelp().map((option) => option.flags);
    expect(flags).toContain("-j, -P, --jobs <n>");
    expect(flags).toContain("-k, --keep-order");
    expect(new Set(flags).size).toBe(flags.length);
  });
});

describe("values", () => {
  test.each([
    ["4", 8, 4],
    ["+1", 8, 9],
    ["-1", 8, 7],
    ["50%", 8, 4],
    ["1%", 8, 1],
    ["150%", 1, 2],
    ["0", 8, Infinity],
  ])("-j %s on %i cores: %d slots", (text, cores, slots) => {
    expect(slotsOn(cores, optionsOf(`-j ${text} c`).slots)).toBe(slots);
  });

  test("too few cores are refused", () => {
    const { slots } = optionsOf("-j -8 c");
    expect(() => slotsOn(8, slots)).toThrow("no job can run: --jobs leaves 0 of 8 cores");
  });

  test.each([
    ["never", { when: "never" }],
    ["0", { when: "never" }],
    ["1", { when: "soon", on: "fail", count: 1 }],
    ["2", { when: "now", on: "fail", count: 1 }],
    ["-2", { when: "now", on: "success", count: 1 }],
    ["10%", { when: "soon", on: "fail", percent: 10 }],
    ["soon,fail=3", { when: "soon", on: "fail", count: 3 }],
    ["now,success,1", { when: "now", on: "success", count: 1 }],
    ["now,done=50%", { when: "now", on: "done", percent: 50 }],
  ])("--halt %s", (text, halt) => expect(optionsOf(`--halt ${text} c`).halt).toEqual(halt));

  test.each([
    ["10", { ms: 10_000 }],
    ["0.5", { ms: 500 }],
    ["1h30m", { ms: 5_400_000 }],
    ["1.5M", { ms: 90_000 }],
    ["2d", { ms: 172_800_000 }],
    ["500ms", { ms: 500 }],
    ["200%", { percentOfMedian: 200 }],
  ])("--timeout %s", (text, timeout) => {
    expect(optionsOf(`--timeout ${text} c`).timeout).toEqual(timeout);
  });

  test.each([
    ["10", 10],
    ["10k", 10_000],
    ["10K", 10_240],
    ["1M", 1_048_576],
    ["1.5Mi", 1_572_864],
    ["1gi", 1_073_741_824],
  ])("--block %s", (text, bytes) => {
    expect(optionsOf(`--pipe --block ${text} c`).pipe?.blockBytes).toBe(bytes);
  });

  test("options that change what others mean", () => {
    expect(optionsOf("--colsep , c").inputs.trim).toBe("lr");
    expect(optionsOf("--csv c").inputs).toMatchObject({
      trim: "n",
      columns: { csvSeparator: "," },
    });
    expect(optionsOf("--header : c").inputs.columns).toEqual({ separator: /\t/ });
    expect(optionsOf("-0 -d , c").inputs.delimiter).toBe(",");
    expect(optionsOf("--tag c").output.tag).toBe("{==}");
    expect(optionsOf("--tag --tagstring a\\tb c").output.tag).toBe("a\tb");
    expect(optionsOf("-k --no-keep-order c").output.keepOrder).toBe(false);
    expect(optionsOf("-u --dry-run c").output.grouping).toBe("group");
    expect(optionsOf("-v -v c").output.verbosity).toBe(2);
    expect(optionsOf("-vv --silent c").output.verbosity).toBe(0);
    expect(optionsOf("--results d/out.CSV c").results).toEqual({
      path: "d/out.CSV",
      format: "csv",
    });
    expect(optionsOf("--joblog +log c").joblog).toEqual({ path: "log", append: true });
    expect(optionsOf("--cat c").pipe).toMatchObject({ cat: true, recordEnd: "\n" });
    expect(optionsOf("--pipe --recstart > c").pipe).toMatchObject({ recordEnd: undefined });
    expect(optionsOf("--delay 2auto c").delay).toEqual({ ms: 2_000, auto: true });
    expect(optionsOf("--retries 0 c").retries).toBe(Infinity);
  });

  test("context replace is for -X, -N and -L", () => {
    const context = (text: string) => optionsOf(`${text} c`).template.contextReplace;
    expect(["-X", "-N2", "-L2", "-m -N2"].map(context)).toEqual([true, true, true, true]);
    expect(["", "-m", "-n2", "-l2", "-m -L2", "--xargs"].map(context)).toEqual(
      Array.from({ length: 6 }, () => false),
    );
  });
});

describe("wrong usage", () => {
  test.each([
    ["--keep-ordr c", 'unknown option --keep-ordr. Did you mean "--keep-order" or'],
    ["--nothing-like-it c", "unknown option --nothing-like-it."],
    ["-k@ c", "unknown option -@ in -k@."],
    ["--re c", "the option --re is ambiguous: --replace, --retries"],
    ["--jobs", "--jobs needs a value: <n>"],
    ["-kj", "-j needs a value: <n>"],
    ["--dry-run=5 c", '--dry-run takes no value, and got "5"'],
    [
      "-j x c",
      '--jobs: expected a number of jobs, like 4, +1, -1, 50% or 0, or a file, and got "x"',
    ],
    ["-N 1.5 c", '--max-replace-args: expected a whole number of at least 0, and got "1.5"'],
    ["-L0 c", '-L: expected a whole number of at least 1, and got "0"'],
    ["--halt soon c", "--halt: expected never, soon,fail=1"],
    ["--timeout 5x c", "--timeout: expected seconds, or a time like 500ms, 10s, 5m or 1h30m"],
    ["--trim x c", "--trim: expected one of n, l, r, lr, rl"],
    ["--colsep ( c", "--colsep: Invalid regular expression"],
    ["-u --group c", "--group cannot be combined with --ungroup"],
    ["--lb -u c", "--ungroup cannot be combined with --line-buffer"],
    ["--pipe --bar c", "--pipe cannot be combined with --bar"],
    ["--resume c", "--resume needs --joblog or --results"],
    ["--retry-failed c", "--retry-failed needs --joblog"],
    ["--json c", "--json needs --module or --function"],
    ["--module m.ts ::: 1", "name the function after the options"],
    ["--connect-timeout 5 c", "--connect-timeout: "],
  ])("%s", (text, message) => expect(() => line(text)).toThrow(message));

  test("an empty delimiter", () => {
    expect(() => parseMapCommand(["-d", "", "c"])).toThrow("--delimiter: expected a text");
  });
});
