// The graphs of the benchmark are those of the paper: so many tasks, and results that are right.

import { expect, test } from "vitest";
import { recordGraph } from "../../benchmarks/core/recorded-client.ts";
import { Stage } from "../../benchmarks/core/stage.ts";
import { quickGraphs, slowGraphs, type Builder } from "../../benchmarks/graphs/graphs.ts";
import * as tasks from "../../benchmarks/graphs/tasks.ts";

const functions: Record<string, (...args: never[]) => unknown> = {
  ...tasks,
  sleep: (ms: number) => ms,
};

/** Computes at once what workers would. */
const atOnce: Builder<unknown> = {
  submit: (name, ...args) => functions[name]!(...(args as never[])),
  map(name, ...columns) {
    const rows = columns.map((column) => [...column]);
    return rows[0]!.map((_, i) => this.submit(name, ...rows.map((row) => row[i])));
  },
};

test.each([...quickGraphs, ...slowGraphs])("$name has $tasks tasks and its result", (graph) => {
  const results = graph.build(atOnce);
  expect(results).toHaveLength(graph.tasks);
  expect(results.at(-1)).toBe(graph.result);
});

test("the tree of the paper has 32,767 tasks", () => {
  expect(quickGraphs.find(({ name }) => name === "tree-15")?.tasks).toBe(32_767);
});

test("a graph runs to its end on the core alone, and nothing of it is left", () => {
  const graph = quickGraphs.find(({ name }) => name === "shuffle-100")!;
  const { submit, release } = recordGraph(graph);
  const stage = new Stage({ workers: 3, slots: 2, functions: Object.keys(tasks) });
  for (const frame of submit) stage.say(frame);
  stage.runAll();
  expect(stage.finished).toBe(graph.tasks);
  for (const frame of release) stage.say(frame);
  expect(stage.state.tasks.size).toBe(0);
  expect(stage.spent.cpuMicros).toBeGreaterThan(0);
});
