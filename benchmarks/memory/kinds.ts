// Each kind of thing that the core keeps: events that bring one, again and again.

import type { Event } from "../../scheduler/core/step.ts";
import type { FromClient, FromWorker } from "../../src/wire/protocol.ts";

export type Kind = {
  /** What is there before. */
  readonly before?: readonly Event[];
  /** What brings so many of them, from this number on. */
  readonly add: (from: number, count: number) => Event[];
  /** Of the ordinary number of things, how many are brought; less for what is large. Default: all. */
  readonly part?: number;
};

const say = (from: string, ...messages: object[]): Event =>
  ({ type: "client-messages", from, messages: messages as FromClient[] }) as const;
const hearFrom = (from: string, ...messages: object[]): Event =>
  ({ type: "worker-messages", from, messages: messages as FromWorker[] }) as const;
const hear = (...messages: object[]): Event => hearFrom("w", ...messages);
const ask = (to: string, id: number, more: object) => ({ type: to, id, ...more });
const submit = (keys: readonly string[], more: object = {}) => ({
  ...{ type: "submit", name: "f", keys, args: keys.map(() => "[]") },
  ...more,
});
const coordinate = (id: number, kind: string, op: string, name: string, more: object = {}) =>
  ask("coordinate", id, { kind, name, op, ...more });

const numbers = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => from + index);
const named = (what: string, from: number, count: number) =>
  numbers(from, count).map((number) => `${what}-0123456789ab-${number}`);
const keysOf = (from: number, count: number) => named("f", from, count);

/** One for each. */
const each =
  (message: (name: string, number: number) => object) =>
  (from: number, count: number): Event[] => [
    say("ann", ...numbers(from, count).map((number) => message(keysOf(number, 1)[0]!, number))),
  ];

const joined = (id: string, more: object = {}): Event =>
  ({
    ...{ type: "worker-joins", id, name: id, host: "host", pid: 1, threads: 1, slots: 1 },
    ...{ functions: ["f"], resources: {}, address: "ws://host:1" },
    ...more,
  }) as const;
/** It runs one task after another, however many there are. */
const busy = joined("w", { slots: 65_000, threads: 65_000 });

/** Tasks that run, and what the worker says of them. */
const run = (keys: readonly string[], ...answers: object[]): Event[] => [
  say("ann", submit(keys)),
  ...(answers.length > 0 ? [hear(...answers)] : []),
];
const finished = (keys: readonly string[], value: (key: string) => unknown) => ({
  ...{ type: "finished", keys, attempts: keys.map(() => 1), values: keys.map(value) },
  micros: keys.map(() => 1),
});
const isHeld = () => ({ bytes: 1_000_000 });

const digest = (number: number) => number.toString(16).padStart(64, "0");
const functionsOf = (from: number, count: number) => ({
  functions: named("module.function", from, count),
  digests: numbers(from, count).map(digest),
});

export const kinds: Readonly<Record<string, Kind>> = {
  task: { add: (from, count) => [say("ann", submit(keysOf(from, count)))] },
  "task with ten inputs": {
    before: [say("ann", submit(named("input", 0, 10)))],
    add: (from, count) => {
      const keys = keysOf(from, count);
      return [say("ann", submit(keys, { inputs: keys.map(() => named("input", 0, 10)) }))];
    },
  },
  "task with ten inputs of long names": {
    part: 0.2,
    before: [say("ann", submit(named("input".padEnd(200, "i"), 0, 10)))],
    add: (from, count) => {
      const inputs = () => named("input".padEnd(200, "i"), 0, 10);
      const keys = keysOf(from, count);
      return [say("ann", submit(keys, { inputs: keys.map(inputs) }))];
    },
  },
  "task with options of its own": {
    add: each((key, at) => submit([key], { options: { run: { timeoutMs: 1 + at } } })),
  },
  "task with a place of its own": {
    add: each((key) => submit([key], { options: { workers: [key], priority: 1 } })),
  },
  "task of a function of its own": { add: each((key) => submit([key], { name: key })) },
  "task with 50 places of its own": {
    part: 0.02,
    add: each((key, at) => submit([key], { options: { workers: named("n", 50 * at, 50) } })),
  },
  "task with 50 resources": {
    part: 0.02,
    add: each((key, at) => {
      const resources = Object.fromEntries(named("r", 50 * at, 50).map((name) => [name, 1]));
      return submit([key], { options: { resources } });
    }),
  },
  "task with 50 tags": {
    part: 0.02,
    add: each((key, at) => submit([key], { options: { tags: named("t", 50 * at, 50) } })),
  },
  "task with 50 names of errors": {
    part: 0.02,
    add: each((key, at) => {
      const options = { retries: { max: 1 }, retryIf: named("e", 50 * at, 50) };
      return submit([key], { options });
    }),
  },
  "task with a limit of its own": {
    part: 0.5,
    add: each((key) => submit([key], { options: { limitName: key, maxRunning: 1 } })),
  },
  "task with a rate limit of its own": {
    part: 0.5,
    add: each((limitName) => {
      const options = { limitName, rateLimit: { count: 1, perMs: 1e9 } };
      return submit([limitName], { options });
    }),
  },
  "rate limit whose tasks are gone": {
    before: [busy],
    part: 0.5,
    add: (from, count) => {
      const keys = keysOf(from, count);
      const rateLimit = { count: 1, perMs: 1e9 };
      const tasks = keys.map((key) => submit([key], { options: { limitName: key, rateLimit } }));
      return [
        say("ann", ...tasks),
        hear(finished(keys, () => "1")),
        say("ann", { type: "release", keys }),
      ];
    },
  },
  "rate limit with a thousand starts": {
    before: [busy],
    part: 0.03,
    add: (from, count) =>
      numbers(from, count).flatMap((number) => {
        const keys = keysOf(1_000 * number, 1_000);
        const rateLimit = { count: 1_000, perMs: 1e9 };
        const options = { limitName: `${number}`, rateLimit };
        return [
          ...keys.map((key) => say("ann", submit([key], { options }))),
          hear(finished(keys, () => "1")),
          say("ann", { type: "release", keys }),
        ];
      }),
  },
  "task with expiresMs": {
    add: (from, count) => [
      say("ann", submit(keysOf(from, count), { options: { expiresMs: 1e9 } })),
    ],
  },
  "task with startAt": {
    add: (from, count) => [say("ann", submit(keysOf(from, count), { options: { startAt: 1e15 } }))],
  },
  "task with keepMs": {
    add: (from, count) => [say("ann", submit(keysOf(from, count), { options: { keepMs: 1e9 } }))],
  },
  "task that runs": { before: [busy], add: (from, count) => run(keysOf(from, count)) },
  "task that says how far it is": {
    before: [busy],
    add: (from, count) => {
      const keys = keysOf(from, count);
      const text = (key: string) => `${key} `.padEnd(500, "x");
      const said = keys.map((key) => ({
        ...{ type: "progress", key, attempt: 1, fraction: 0.5, text: text(key) },
      }));
      return run(keys, ...said);
    },
  },
  "task with a client inside": {
    before: [busy],
    part: 0.5,
    add: (from, count) => {
      const keys = keysOf(from, count);
      const message = (key: string) => submit([`${key} inside`], { name: "g" });
      const said = keys.map((key) => ({ type: "sub", key, attempt: 1, message: message(key) }));
      return run(keys, ...said);
    },
  },
  "small result": {
    before: [busy],
    add: (from, count) => {
      const keys = keysOf(from, count);
      return run(
        keys,
        finished(keys, (key) => `"${key}"`),
      );
    },
  },
  "large result on its worker": {
    before: [busy],
    add: (from, count) => {
      const keys = keysOf(from, count);
      return run(keys, finished(keys, isHeld));
    },
  },
  "large result made of another": {
    before: [busy],
    part: 0.5,
    add: (from, count) => {
      const [inputs, keys] = [named("input", from, count), keysOf(from, count)];
      return [
        ...run(inputs, finished(inputs, isHeld)),
        say("ann", submit(keys, { inputs: inputs.map((key) => [key]) })),
        hear(finished(keys, isHeld)),
        say("ann", { type: "release", keys: inputs }),
      ];
    },
  },
  "failure of a task": {
    before: [busy],
    add: (from, count) => {
      const keys = keysOf(from, count);
      const failure = (message: string) => ({ code: "task-failed", message });
      const said = keys.map((key) => ({ type: "failed", key, attempt: 1, failure: failure(key) }));
      return run(keys, ...said);
    },
  },
  "task that lost its thread": {
    before: [busy],
    part: 0.2,
    add: (from, count) => {
      const keys = keysOf(from, count);
      const failure = (key: string) => ({
        code: "thread-lost",
        message: `${key} `.padEnd(9_000, "x"),
      });
      const said = keys.map((key) => ({ type: "failed", key, attempt: 1, failure: failure(key) }));
      return run(keys, ...said);
    },
  },
  "reason of a cancelled task": {
    add: (from, count) => {
      const keys = keysOf(from, count);
      const cancel = (key: string) => ({ type: "cancel", keys: [key], reason: `${key} is late` });
      return [
        say("ann", submit(keys)),
        say("bob", ask("want", 1, { keys })),
        say("ann", ...keys.map((key) => ({ ...cancel(key), force: true }))),
      ];
    },
  },
  "want of the task of another": {
    add: (from, count) => [
      say("ann", submit(keysOf(from, count))),
      say("bob", ask("want", 1, { keys: keysOf(from, count) })),
    ],
  },
  "event that is set": { add: each((name, at) => coordinate(at, "event", "set", name)) },
  "lock that is held": { add: each((name, at) => coordinate(at, "lock", "acquire", name)) },
  "lock that is waited for": { add: each((_, at) => coordinate(at, "lock", "acquire", "one")) },
  "queue with a largest size": {
    add: each((name, at) => coordinate(at, "queue", "get", name, { limit: 3 })),
  },
  "semaphore with a long name": {
    add: each((name, at) =>
      coordinate(at, "semaphore", "acquire", name.padEnd(250, "x"), { limit: 3 }),
    ),
  },
  "item of a queue": { add: each((_, at) => coordinate(at, "queue", "put", "q", { value: "1" })) },
  "published value with a future": {
    before: [say("ann", submit(["shared"]))],
    add: each((name, at) => ask("publish", at, { name, value: "1", inputs: ["shared"] })),
  },
  "publication that is being told": {
    before: [
      say("ann", submit(["shared"])),
      say("ann", ask("publish", 1, { name: "it", value: "1", inputs: ["shared"] })),
    ],
    add: each((_, id) => ask("published", id, { name: "it" })),
  },
  "publication of a hundred futures that is being told": {
    before: [
      say("ann", submit(keysOf(0, 100))),
      say("ann", ask("publish", 1, { name: "it", value: "1", inputs: keysOf(0, 100) })),
    ],
    part: 0.02,
    add: each((_, id) => ask("published", id, { name: "it" })),
  },
  "request to retire a worker": {
    before: [busy],
    add: each((_, id) => ask("retire", id, { workers: ["w"] })),
  },
  "scattered value": {
    before: [busy],
    add: each((key, id) => ask("scatter", id, { key, bytes: 1e6, workers: ["w"] })),
  },
  schedule: {
    part: 0.2,
    add: each((name, id) => {
      const when = { everyMs: 1e9, catchUp: "skip", overlap: "skip" };
      return ask("schedule", id, { name, function: "f", value: "[]", ...when });
    }),
  },
  "schedule with options": {
    part: 0.05,
    add: each((name, id) => {
      const when = { everyMs: 1e9, catchUp: "skip", overlap: "skip" };
      const options = { workers: named("n", 50 * id, 50) };
      return ask("schedule", id, { name, function: "f", value: "[]", options, ...when });
    }),
  },
  client: {
    part: 0.25,
    add: (from, count) =>
      named("c", from, count).map((id) => ({ type: "client-joins", id, name: id.padEnd(250) })),
  },
  worker: { part: 0.1, add: (from, count) => named("w", from, count).map((id) => joined(id)) },
  "worker that is paused, and leaves": {
    before: [busy],
    part: 0.02,
    add: (from, count) =>
      named("v", from, count).flatMap((id) => {
        const reason = `${id} `.padEnd(60_000, "x");
        // What it holds keeps it here.
        const key = `of ${id}`;
        const joins = joined(id, { functions: [id], address: undefined });
        const held = { ...finished([key], isHeld) };
        return [
          joins,
          say("ann", submit([key], { name: id })),
          hearFrom(id, held, { type: "paused", reason }, { type: "leaving", keeps: true, reason }),
        ];
      }),
  },
  "worker like the one before": {
    before: [joined("first", functionsOf(0, 1_000))],
    part: 0.02,
    add: (from, count) => named("w", from, count).map((id) => joined(id, functionsOf(0, 1_000))),
  },
  "worker with functions of its own": {
    part: 0.01,
    add: (from, count) =>
      numbers(from, count).map((at) => joined(`w${at}`, functionsOf(100 * at, 100))),
  },
  "worker with tags and resources": {
    part: 0.02,
    add: (from, count) =>
      numbers(from, count).map((at) => {
        const resources = Object.fromEntries(named("r", 50 * at, 50).map((name) => [name, 1]));
        return joined(`w${at}`, { host: `h${at}`, tags: named("t", 50 * at, 50), resources });
      }),
  },
};
