// The output of commands: results, tables and the texts of status and explain.

import { describe, expect, test } from "vitest";
import { eventText } from "../../cli/events.ts";
import { explanationText } from "../../cli/explain.ts";
import { resultText, table, whyNotJson } from "../../cli/output.ts";
import { statusText } from "../../cli/status.ts";
import { argument } from "../../cli/submit.ts";

describe("a result", () => {
  test.each<[value: unknown, text: string | undefined]>([
    [11, "11"],
    ["a b", '"a b"'],
    [null, "null"],
    [undefined, undefined],
    [{ a: [1, { b: true }] }, '{"a":[1,{"b":true}]}'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [10n, "10n"],
    [NaN, "NaN"],
    [-0, "-0"],
    [[1, undefined], "[ 1, undefined ]"],
    [new Map([["a", new Set([1])]]), "Map(1) { 'a' => Set(1) { 1 } }"],
    [{ at: [new Uint8Array([1, 2])] }, "{ at: [ Uint8Array(2) [ 1, 2 ] ] }"],
  ])("%o is printed on one line", (value, text) => {
    expect(resultText(value)).toBe(text);
  });

  test("that is not JSON is told apart by the place inside it", () => {
    expect(whyNotJson({ a: [1, 2] }, "result")).toBeUndefined();
    expect(whyNotJson({ a: [1, 2n] }, "result")).toBe("result.a[1] is a bigint");
    expect(whyNotJson({ a: { b: Infinity } }, "result")).toBe("result.a.b is Infinity");
    expect(whyNotJson([new Map()], "result")).toBe("result[0] is a Map");
    expect(whyNotJson([undefined], "result")).toBe("result[0] is undefined");
  });
});

describe("an argument", () => {
  test.each([
    ["1", 1],
    ["-1.5", -1.5],
    ["true", true],
    ["null", null],
    ['"1"', "1"],
    ['{"a":[1]}', { a: [1] }],
    ["hello", "hello"],
    ["", ""],
    ["01", "01"],
    ["{a:1}", "{a:1}"],
    ["9007199254740991", 9007199254740991],
    ["1e3", 1000],
  ])("%j is JSON when it can be, else a string", (text, value) => {
    expect(argument(text)).toEqual(value);
  });

  test.each(["9007199254740993", "[1,12345678901234567890]"])(
    "%s would be altered as a number, and is refused",
    (text) => {
      expect(() => argument(text)).toThrow("too large to be exact as a number");
    },
  );
});

test("a table has columns as wide as they need, numbers to the right", () => {
  const rows = [
    ["n1-0", 4, "up"],
    ["node\u001b[2J-with-a-long-name", 128, "away"],
  ];
  expect(table(["worker", "threads", "status"], rows)).toBe(
    [
      "worker                     threads  status",
      "n1-0                             4  up",
      "node\ufffd[2J-with-a-long-name      128  away",
    ].join("\n"),
  );
});

const facts = {
  tasks: { waiting: 1, ready: 2, running: 3, finished: 4, released: 0, failed: 0, cancelled: 0 },
  totals: { submitted: 10, finished: 4, failed: 0, dispatched: 7 },
  clients: 1,
  slots: 8,
  functions: ["add", "sub"],
  memory: { usedBytes: 3_000, limitBytes: 6_000, level: "ample" as const },
  published: [],
  departures: [],
};

describe("status", () => {
  test("says what there is, and has a line for each worker", () => {
    const worker = {
      id: "w",
      name: "n1-0",
      host: "n1",
      pid: 7,
      threads: 4,
      slots: 8,
      tasks: 3,
      finished: 4,
      resources: { gpu: { total: 2, used: 1 } },
      tags: ["gpu", "highmem"],
      functions: ["a", "b", "c", "d", "e", "f", "g"],
      status: "up" as const,
      held: { results: 0, bytes: 0 },
      joinedAt: 1_000,
    };
    expect(statusText({ ...facts, workers: [worker] }, 63_400)).toBe(
      [
        "tasks    1 waiting, 2 ready, 3 running, 4 finished, 0 released, 0 failed, 0 cancelled",
        "so far   10 submitted, 4 finished, 0 failed",
        "clients  0 beside this command",
        "workers  1, with 8 slots",
        "memory   2.9 KiB of 5.9 KiB",
        "",
        "worker  host  status  threads  slots  tasks  finished  for   resources  tags          functions",
        "n1-0    n1    up            4      8      3         4  1m2s  gpu 1/2    gpu, highmem  a, b, c, d, e, and 2 more",
      ].join("\n"),
    );
  });

  test("lists what is published, when something is", () => {
    const published = ["model", "a\u001b[2Jb"];
    expect(statusText({ ...facts, published, workers: [] }, 0)).toMatch(
      /\npublished {2}model, a\ufffd\[2Jb$/,
    );
  });

  test("has no table without workers", () => {
    expect(statusText({ ...facts, slots: 0, workers: [] }, 0)).toMatch(
      /workers {2}0, with 0 slots\nmemory/,
    );
  });
});

test("an event tells how many there are of one or of several", () => {
  const joined = (slots: number) =>
    eventText({ at: 0, type: "worker-joined", worker: "w", slots } as never);
  expect(joined(1)).toBe("1970-01-01T00:00:00.000Z  worker-joined  w, 1 slot");
  expect(joined(2)).toMatch(/w, 2 slots$/);
  expect(eventText({ at: 0, type: "missed", count: 1 })).toMatch(/ 1 event: this reader was/);
});

test("explain says why first, then the facts, then how the task came there", () => {
  const text = explanationText({
    key: "add-1",
    function: "add",
    state: "waiting",
    why: "it waits for 1 of its inputs; sub-1 is running",
    attempt: 0,
    missingInputs: ["sub-1"],
    holders: [],
    dependents: 2,
    wantedBy: ["driver"],
    losses: [{ worker: "n1-0", how: "its link was cut" }],
    history: [{ at: 0, to: "waiting", why: "submitted" }],
  });
  expect(text).toBe(
    [
      "add-1 is waiting: it waits for 1 of its inputs; sub-1 is running",
      "",
      "function    add",
      "attempts    0",
      "waits for   sub-1",
      "wanted by   driver; 2 dependents",
      "lost with   n1-0: its link was cut",
      "",
      "when                      from  to       why",
      "1970-01-01T00:00:00.000Z        waiting  submitted",
    ].join("\n"),
  );
});
