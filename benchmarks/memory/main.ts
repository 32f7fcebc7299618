// `npm run bench:memory`: what each kind of thing that the core keeps takes on the heap, beside what the ledger counts
// for it (`scheduler/core/memory/ledger.ts`). The ledger is to count no less.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { heapBytes } from "../../scheduler/core/memory/ledger.ts";
import type { FromClient } from "../../src/wire/protocol.ts";
import { Stage } from "../core/stage.ts";
import { framesOf } from "../core/recorded-client.ts";

const count = Number(process.argv[2] ?? 200_000);
if (!Number.isSafeInteger(count) || count < 1) {
  console.error("Usage: npm run bench:memory -- [how many of each]");
  process.exit(2);
}
const perMessage = 1_000;

type Say = (from: number, keys: readonly string[]) => FromClient[];

const submit = (keys: readonly string[], more: object = {}): FromClient =>
  ({ type: "submit", name: "f", keys, args: keys.map(() => "[]"), ...more }) as FromClient;
const ask = (to: string, id: number, more: object): FromClient =>
  ({ type: to, id, ...more }) as FromClient;
const coordinate = (id: number, kind: string, op: string, name: string, more: object = {}) =>
  ask("coordinate", id, { kind, name, op, ...more });

/** What is there before, and what is added then. */
const kinds: Record<string, { readonly before?: FromClient[]; readonly add: Say }> = {
  task: { add: (_, keys) => [submit(keys)] },
  "task with ten inputs": {
    before: [submit(Array.from({ length: 10 }, (_, at) => `input${at}`))],
    add: (_, keys) => {
      const inputs = keys.map(() => Array.from({ length: 10 }, (_each, at) => `input${at}`));
      return [submit(keys, { inputs })];
    },
  },
  "task with options of its own": {
    add: (from, keys) =>
      keys.map((key, at) => submit([key], { options: { run: { timeoutMs: 1 + from + at } } })),
  },
  "task with a place of its own": {
    add: (_, keys) =>
      keys.map((key) => submit([key], { options: { workers: [key], priority: 1 } })),
  },
  "task with expiresMs": { add: (_, keys) => [submit(keys, { options: { expiresMs: 1e9 } })] },
  "task with startAt": { add: (_, keys) => [submit(keys, { options: { startAt: 1e15 } })] },
  "task with keepMs": { add: (_, keys) => [submit(keys, { options: { keepMs: 1e9 } })] },
  "event that is set": {
    add: (from, keys) => keys.map((key, at) => coordinate(from + at, "event", "set", key)),
  },
  "lock that is held": {
    add: (from, keys) => keys.map((key, at) => coordinate(from + at, "lock", "acquire", key)),
  },
  "item of a queue": {
    add: (from, keys) =>
      keys.map((_, at) => coordinate(from + at, "queue", "put", "q", { value: "1" })),
  },
  "published value with a future": {
    before: [submit(["shared"])],
    add: (from, keys) =>
      keys.map((name, at) => ask("publish", from + at, { name, value: "1", inputs: ["shared"] })),
  },
};

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
setFlagsFromString("--no-expose-gc");

function used(): number {
  for (let round = 0; round < 3; round++) collect();
  return process.memoryUsage().heapUsed;
}

function measure({ before = [], add }: (typeof kinds)[string], many: number) {
  const stage = new Stage({ workers: 0, slots: 1, functions: ["f"] });
  for (const frame of framesOf(before)) stage.say(frame);
  const [usedBefore, countedBefore] = [used(), heapBytes(stage.state)];
  for (let from = 0; from < many; from += perMessage) {
    const keys = Array.from({ length: perMessage }, (_, at) => `f-0123456789ab-${from + at}`);
    for (const frame of framesOf(add(from, keys))) stage.say(frame);
  }
  const counted = (heapBytes(stage.state) - countedBefore) / many;
  return { measured: (used() - usedBefore) / many, counted };
}

console.log("| kind | measured | counted | counted / measured |\n| --- | ---: | ---: | ---: |");
for (const [kind, each] of Object.entries(kinds)) {
  measure(each, 2 * perMessage);
  const { measured, counted } = measure(each, count);
  const cells = [kind, measured.toFixed(0), counted.toFixed(0), (counted / measured).toFixed(2)];
  console.log(`| ${cells.join(" | ")} |`);
}
