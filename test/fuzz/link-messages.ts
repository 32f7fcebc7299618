// Well-formed messages about few tasks of few names, so that they meet: what fuzzed peers say before
// it is spoiled. Keys, functions and workers are shared by all of them.

import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import type { FromClient, FromWorker, TaskOptions } from "../../src/wire/protocol.ts";
import type { Random } from "../processes/random.ts";

/** An attempt that a worker was sent, and can speak about. */
export type Seen = { key: string; attempt: number };

const keys = Array.from({ length: 16 }, (_, index) => `k${index}`);
const names = ["f", "g", "h", "__proto__", "nobody has this"];
export const workerNames = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "constructor"];
const resourceNames = ["gpu", "gpu", "gpu", "toString", "toString", "valueOf", "__proto__"];

/** What is encoded in the text is for workers to find out; there are values of every kind. */
const payloads = [
  "[1,2]",
  "[]",
  "3",
  "not JSON",
  "",
  "{",
  '["__proto__"]',
  "\u0001",
  "x".repeat(1_001),
];

type Binary = { head: string; first: number; count: number };
/** A message as it stands in a frame; the frame has so many parts. */
export type Said<Message> = { message: Message; parts: number };

export function fromClient(random: Random): Said<FromClient> {
  const some = () => random.several(1, 4, () => random.pick(keys));
  const [id, name] = [random.below(9), random.pick(names)];
  switch (random.below(20)) {
    case 10: {
      const { values, parts } = payloadColumn(random, 1);
      const override = random.chance(0.5);
      const message = { type: "publish", id, name, value: values[0] as string, override } as const;
      return { message: { ...message, inputs: some() }, parts };
    }
    case 11:
      return plain({ type: "published", id, name });
    case 12:
      return plain({ type: "unpublish", id, name });
    case 13:
      return plain({ type: "take", offer: random.below(20) });
    case 6:
      return plain({
        type: "coordinate",
        id,
        kind: random.pick(["lock", "semaphore", "event", "queue", "variable"] as const),
        name,
        op: random.pick(["acquire", "set", "clear", "wait", "put", "get", "look"] as const),
        ...(random.chance(0.4) && { limit: random.below(4) }),
        ...(random.chance(0.3) && { count: random.below(4) }),
        ...(random.chance(0.4) && { value: "[1]", inputs: some() }),
        ...(random.chance(0.3) && { wait: false as const }),
      });
    case 7: {
      const type = random.pick(["took", "give-back"] as const);
      return plain({ type, ids: random.several(1, 3, () => random.below(9)) });
    }
    case 0:
      return plain({
        type: "cancel",
        keys: some(),
        ...(random.chance(0.5) && { reason: "enough" }),
        ...(random.chance(0.3) && { force: true }),
      });
    case 1:
      return plain({ type: "release", keys: some() });
    case 2:
      return plain({ type: "retry", keys: some() });
    case 3:
      return plain({ type: "detach", keys: [random.pick(keys)] });
    case 4:
      return plain({ type: "fetch", keys: some() });
    case 5: {
      const type = random.pick(["ping", "info", "workers", "explain", "want", "tasks"] as const);
      const id = random.below(9);
      if (type === "want") return plain({ type, id, keys: some() });
      if (type === "tasks") return plain({ type, id, limit: 1 + random.below(20) });
      return plain({ type, id, key: random.pick(keys) });
    }
    default: {
      const submitted = some();
      const { values, parts } = payloadColumn(random, submitted.length);
      const inputs = submitted.map(() => random.several(0, 2, () => random.pick(keys)));
      return {
        message: {
          type: "submit",
          name: random.pick(names),
          keys: submitted,
          args: values as string[],
          ...(random.chance(0.4) && { inputs }),
          ...(random.chance(0.5) && { options: options(random) }),
        },
        parts,
      };
    }
  }
}

export function fromWorker(random: Random, seen: readonly Seen[]): Said<FromWorker> {
  const any = (): Seen => {
    if (seen.length > 0 && random.chance(0.9)) return random.pick(seen);
    return { key: random.pick(keys), attempt: 1 + random.below(5) };
  };
  const columns = () => {
    const some = random.several(1, 4, any);
    return { keys: some.map(({ key }) => key), attempts: some.map(({ attempt }) => attempt) };
  };
  if (random.chance(0.005)) return plain({ type: "leaving", reason: "tired" });
  switch (random.below(9)) {
    case 0:
      return plain({ type: "started", ...columns() });
    case 1:
      return plain({ type: "withdrawn", ...columns() });
    case 2:
      return plain({ type: "stopped", ...columns() });
    case 3:
      return plain({ type: "progress", ...any(), fraction: random.next(), text: "on its way" });
    case 4: {
      const code = random.pick(["task-failed", "thread-lost", "not-serializable", "toString"]);
      const message = random.chance(0.02) ? "m".repeat(60_000) : "it failed";
      const error = { name: "Error", message: "deep", properties: "{}" };
      return plain({ type: "failed", ...any(), failure: { code, message, error } });
    }
    default: {
      const of = columns();
      const { values, parts } = payloadColumn(random, of.keys.length);
      const micros = of.keys.map(() => random.below(10_000));
      return { message: { type: "finished", ...of, values: values as string[], micros }, parts };
    }
  }
}

export function workerHello(random: Random) {
  return {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    role: "worker",
    name: random.pick(workerNames),
    host: random.pick(["h1", "__proto__"]),
    pid: 1 + random.below(3),
    threads: 1,
    slots: 1 + random.below(4),
    resources: {
      gpu: random.below(3),
      toString: 1,
      ...(random.chance(0.05) && JSON.parse('{"__proto__":2}')),
    },
    functions: random.several(1, 3, () => random.pick(names)),
  };
}

function options(random: Random): TaskOptions {
  return {
    ...(random.chance(0.3) && { priority: random.below(5) - 2 }),
    ...(random.chance(0.3) && {
      retries: { max: random.below(3), delayMs: random.below(5), factor: 1_000, jitter: 1 },
    }),
    ...(random.chance(0.2) && { run: { timeoutMs: 1 + random.below(50) } }),
    ...(random.chance(0.2) && { delayMs: random.below(20) }),
    ...(random.chance(0.1) && { startAt: random.below(2 ** 31) }),
    ...(random.chance(0.2) && { keepMs: 1 + random.below(50) }),
    ...(random.chance(0.2) && { expiresMs: 1 + random.below(20) }),
    ...(random.chance(0.2) && { workers: [random.pick(workerNames), "h1"] }),
    ...(random.chance(0.2) && { allowOtherWorkers: random.chance(0.5) }),
    ...(random.chance(0.3) && {
      resources: JSON.parse(`{"${random.pick(resourceNames)}":${random.below(3)}}`),
    }),
    ...(random.chance(0.2) && { maxWorkerLosses: random.below(3) }),
  };
}

function payloadColumn(random: Random, length: number) {
  let parts = 0;
  const values = Array.from({ length }, (): string | Binary => {
    if (random.chance(0.85)) return random.pick(payloads);
    const count = 1 + random.below(2);
    parts += count;
    return { head: "\u0002[]", first: parts - count, count };
  });
  return { values, parts };
}

function plain<Message>(message: Message): Said<Message> {
  return { message, parts: 0 };
}
