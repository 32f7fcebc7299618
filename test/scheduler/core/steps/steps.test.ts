// No event costs more than what it changes: twice as much of anything takes about twice the steps. Steps are
// counted, for everything that can be said to the core or happen to it, over graphs of many shapes.
//
// STEPS=all tries every deed on every graph, which takes a quarter of an hour.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FromClientSchema, FromWorkerSchema } from "../../../../src/wire/protocol.ts";
import { requests } from "../../../../src/wire/requests.ts";
import { StepCounter } from "./counting.ts";
import { ofClients, ofClock, ofEvents, ofWorkers, type Deeds } from "./deeds.ts";
import { dressings, lives, range, Scene, shapes, type Core } from "./scene.ts";

const isThorough = process.env["STEPS"] === "all";
/** Tasks, clients or whatever there are many of, at first. */
const fewest = 60;
/** Sorting takes a little more than twice as long for twice as much. */
const mostGrowth = 2.3;
/** What is cheaper for each of them may grow as it likes. */
const cheap = 30;

/**
 * What is known to cost more, and why it is left so. Of workers there are thousands and not millions.
 */
const exceptions: Record<string, string> = {
  "schedules that wait for their first moment are looked through by name; there are 10,000 at most":
    "unschedule: many whose moment is not known",
  "a worker that joins has every site of its functions looked at":
    "worker-joins: many, for tasks of their own",
  "each function with a limit is a site of its own, and each free slot has them all looked at":
    "finished: with many functions that have limits",
  "the same, and what is sent ahead asks each of them whether it would be delayed":
    "finished: beside many functions that have limits",
};

let counter: StepCounter;
let core: Core;

beforeAll(async () => {
  counter = new StepCounter();
  const { createState } = await import("../../../../scheduler/core/state.ts");
  const { step } = await import("../../../../scheduler/core/step.ts");
  core = { createState, step };
});
afterAll(() => counter.end());

function scene(): Scene {
  const made = new Scene(core, { workerTimeoutMs: 50_000 });
  made.joinClient("ann");
  made.joinClient("bob");
  return made;
}

/** How much more steps twice as much takes, at the end. */
function growthOf(stepsFor: (count: number) => number): number {
  const [, before, after] = [1, 2, 4].map((times) => stepsFor(times * fewest)) as [
    number,
    number,
    number,
  ];
  return after < 4 * fewest * cheap ? 0 : after / before;
}

const tables: Record<string, Readonly<Record<string, Deeds>>> = {
  "a client says": ofClients,
  "a worker says": ofWorkers,
  "it happens": ofEvents,
  "it is time": ofClock,
};

describe.each(Object.entries(tables))("%s", (_, table) => {
  const crowds = Object.entries(table).flatMap(([type, { crowd = {} }]) =>
    Object.entries(crowd).map(([name, act]) => [`${type}: ${name}`, act] as const),
  );
  test.each(crowds)("%s", (name, crowd) => {
    const growth = growthOf((count) => {
      const made = scene();
      const act = crowd(made, count);
      return counter.count(act);
    });
    if (Object.values(exceptions).includes(name)) expect(growth).toBeGreaterThan(mostGrowth);
    else expect(growth).toBeLessThan(mostGrowth);
  });

  const onGraphs = Object.entries(table).flatMap(([type, { graph = {} }]) =>
    Object.entries(graph).map(([name, act]) => [`${type}: ${name}`, act] as const),
  );
  test.each(onGraphs)("%s, whatever the graph", { timeout: 600_000 }, (_name, act) => {
    const costly: string[] = [];
    for (const { shape, dressing, life } of graphs()) {
      const growth = growthOf((count) => {
        const made = scene();
        const keys = range(count);
        const inputs = keys.map((_key, index) =>
          shapes[shape]!(index, count).map((at) => keys[at]!),
        );
        dressings[dressing]!(made, keys, inputs);
        lives[life]!(made, keys);
        return counter.count(() => act(made, keys));
      });
      if (growth > mostGrowth) costly.push(`${shape}, ${dressing}, ${life}: ${growth.toFixed(2)}`);
    }
    expect(costly).toEqual([]);
  });
});

/** Those in which whole clusters were lost; every shape, dressing and life with some of the others; or all with all. */
function graphs(): { shape: string; dressing: string; life: string }[] {
  const names = [shapes, dressings, lives].map(Object.keys) as [string[], string[], string[]];
  const all = names[0].flatMap((shape) =>
    names[1].flatMap((dressing) => names[2].map((life) => ({ shape, dressing, life }))),
  );
  if (isThorough) return all;
  const known = ["published at its end", "shared", "of many specs"];
  const isKnown = ({ shape, dressing, life }: (typeof all)[number]) =>
    shape === "chain" && life === "waiting" && known.includes(dressing);
  return all.filter((graph, index) => isKnown(graph) || index % 53 === 0);
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
