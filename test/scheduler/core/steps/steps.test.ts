// No event costs more than what it changes: twice as much of anything takes about twice the steps. Steps are
// counted, for everything that can be said to the core or happen to it, over graphs of many shapes.
//
// STEPS=all tries every deed on every graph, which takes a quarter of an hour.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FromClientSchema, FromWorkerSchema } from "../../../../src/wire/protocol.ts";
import { requests } from "../../../../src/wire/requests.ts";
import { ofClients, tables } from "./deeds.ts";
import { ofClock } from "./of-events.ts";
import { ofWorkers } from "./of-workers.ts";
import type { Answer, Graph, Question } from "./measuring.ts";
import { dressings, lives, shapes } from "./scene.ts";

const isThorough = process.env["STEPS"] === "all";
const timeout = isThorough ? 600_000 : 60_000;
const graphs = chooseGraphs();
/** Sorting takes a little more than twice as long for twice as much. */
const mostGrowth = 2.3;
/** What is cheaper than so many steps may grow as it likes. */
const cheap = 7_200;

/**
 * What is known to cost more, and why it is left so. Of workers there are thousands and not millions.
 */
const exceptions: Record<string, string> = {
  "schedules that wait for their first moment are looked through by name; there are 10,000 at most":
    "unschedule: many whose moment is not known",
};

let thread: Worker;

beforeAll(() => {
  thread = new Worker(new URL("measuring.ts", import.meta.url), { execArgv: [] });
});
afterAll(() => thread.terminate());

/** How much more steps twice as much takes, at the end: for each graph, or for the crowd. */
async function growths(question: Question): Promise<number[]> {
  const answered = once(thread, "message");
  thread.postMessage(question);
  const [answer] = (await answered) as [Answer];
  return answer.map(([, before = 0, after = 0]) => (after < cheap ? 0 : after / before));
}

describe.each(Object.entries(tables))("%s", (table, all) => {
  const named = (kind: "crowd" | "graph") =>
    Object.entries(all).flatMap(([type, deeds]) =>
      Object.keys(deeds[kind] ?? {}).map((name) => [`${type}: ${name}`, type, name] as const),
    );
  test.each(named("crowd"))("%s", async (title, type, name) => {
    const [growth] = await growths({ table, type, name, graphs: undefined });
    if (Object.values(exceptions).includes(title)) expect(growth).toBeGreaterThan(mostGrowth);
    else expect(growth).toBeLessThan(mostGrowth);
  });

  test.each(named("graph"))("%s, whatever the graph", { timeout }, async (_title, type, name) => {
    const found = await growths({ table, type, name, graphs });
    const costly = graphs.filter((_, index) => found[index]! > mostGrowth);
    expect(costly).toEqual([]);
  });
});

/** Those in which whole clusters were lost; every shape, dressing and life with some of the others; or all with all. */
function chooseGraphs(): Graph[] {
  const names = [shapes, dressings, lives].map(Object.keys) as [string[], string[], string[]];
  const all = names[0].flatMap((shape) =>
    names[1].flatMap((dressing) => names[2].map((life) => ({ shape, dressing, life }))),
  );
  if (isThorough) return all;
  const known = ["published at its end", "shared", "of many specs"];
  const isKnown = ({ shape, dressing, life }: Graph) =>
    shape === "chain" && life === "waiting" && known.includes(dressing);
  return all.filter((graph, index) => isKnown(graph) || index % 101 === 0);
}

test("everything that can be said has a deed", () => {
  const typesOf = (schemas: readonly { properties: { type: { const: string } } }[]) =>
    schemas.map(({ properties }) => properties.type.const);
  const said = [...typesOf(FromClientSchema.anyOf), ...Object.keys(requests)];
  expect(Object.keys(ofClients).sort()).toEqual(said.sort());
  expect(Object.keys(ofWorkers).sort()).toEqual(typesOf(FromWorkerSchema.anyOf).sort());
  for (const [type, { graph, crowd }] of Object.entries({
    ...ofClients,
    ...ofWorkers,
    ...ofClock,
  })) {
    expect([type, graph ?? crowd]).not.toEqual([type, undefined]);
  }
});
