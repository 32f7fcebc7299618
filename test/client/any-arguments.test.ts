// Whatever a program gives to the methods of a client, right or wrong: either the call is refused there, with
// an error of its own, or what leaves the client passes the boundary of the scheduler. What the boundary
// refuses would end the session, and with it every future.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Client } from "../../client/client.ts";
import type { FromClient } from "../../src/wire/protocol.ts";
import { checkFromClient } from "../../src/wire/check.ts";
import { FrameBuilder, readFrame, writeFrame } from "../../src/wire/frame.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

/** What a program might give, of which most is wrong most of the time. */
const lengths = fc.constantFrom(0, 1, 254, 255, 256, 257, 70_000);
const texts = fc.oneof(
  fc.constantFrom("f", "k", "w1", "__proto__", "a\nb", "\0", "\ud800"),
  lengths.map((length) => "x".repeat(length)),
);
const numbers = fc.oneof(
  fc.constantFrom(0, -0, -1, 0.5, 1, 10_000, 1e300, NaN, Infinity, -Infinity),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1, 2 ** 32),
);
const others = fc.constantFrom<unknown>(
  undefined,
  null,
  true,
  1n,
  Symbol("s"),
  () => 1,
  new Date(NaN),
  new Date(0),
  new Map([["k", 1]]),
  new Set(["w1"]),
  new Uint8Array(3),
  /r/,
  new Error("e"),
  Promise.resolve(1),
);
const leaf = fc.oneof(texts, numbers, others);
const lists = fc.oneof(
  fc.array(leaf, { maxLength: 3 }),
  fc
    .tuple(fc.constantFrom(10_000, 10_001), fc.constantFrom("", "w1", 1))
    .map(([length, item]) => Array.from({ length }, () => item)),
);
const anything = fc.oneof(leaf, lists);

const ofOptions = new Set<fc.Arbitrary<unknown>>();

/** Some of these options, each with any value; often one alone, which no other has refused before it. */
function options(...names: string[]): fc.Arbitrary<unknown> {
  const all = Object.fromEntries(names.map((name) => [name, anything]));
  const one = fc
    .tuple(fc.constantFrom(...names), anything)
    .map(([name, given]) => ({ [name]: given }));
  const some = fc.record(all, { requiredKeys: [] });
  const arbitrary = fc.oneof(
    { weight: 3, arbitrary: one },
    { weight: 2, arbitrary: some },
    anything,
  );
  ofOptions.add(arbitrary);
  return arbitrary;
}

const callOptions = options(
  ...["key", "pure", "priority", "retries", "retryIf", "delayMs", "startAt", "expiresMs"],
  ...["workers", "allowOtherWorkers", "resources", "timeoutMs", "graceMs", "maxWorkerLosses"],
  ...["unschedulableTimeoutMs", "output", "keepMs"],
);
const limits = options("timeoutMs", "signal");
const nothing = fc.constant(undefined);

/** The methods that say something, with those of the handles that they give: arguments, and the call. */
const calls: Readonly<Record<string, Call>> = {
  submit: call([anything, anything], (client, task, argument) =>
    client.submit(task, ...([argument] as never[] as [])),
  ),
  map: call([anything, anything], (client, task, argument) =>
    client.map(task, ...([argument] as never[] as [])),
  ),
  "with.submit": call([callOptions, anything], (client, given, argument) =>
    client.with(given).submit("f", argument),
  ),
  "with.map": call([callOptions], (client, given) => client.with(given).map("f", [1, 2])),
  "with.map by key": call([texts], (client, key: string) => client.with({ key }).map("f", [1, 2])),
  run: call([anything], (client, task: string) => client.run(task)),
  scatter: call([anything, options("workers", "broadcast", "timeoutMs")], (client, value, given) =>
    client.scatter(value, given),
  ),
  gather: call([anything, options("errors")], (client, shape, given) =>
    client.gather(shape, given),
  ),
  wait: call([anything, options("returnWhen", "timeoutMs")], (client, futures, given) =>
    client.wait(futures, given),
  ),
  cancel: call([options("reason", "force")], (client, given) =>
    client.cancel(client.submit("f"), given),
  ),
  "future.cancel": call([anything], (client, reason) => client.submit("f").cancel(reason)),
  "future.result": call([limits], (client, given) => client.submit("f").result(given)),
  retry: call([anything], (client, futures) => client.retry(futures)),
  release: call([anything], (client, futures) => client.release(futures)),
  fireAndForget: call([anything], (client, futures) => client.fireAndForget(futures)),
  publish: call([anything, anything, options("override")], (client, name, value, given) =>
    client.publish(name, value, given),
  ),
  published: call([anything], (client, name) => client.published(name)),
  unpublish: call([anything], (client, name) => client.unpublish(name)),
  events: call([options("functions", "keys")], (client, given) => client.events(given)),
  explain: call([anything], (client, key) => client.explain(key)),
  future: call([anything], (client, key) => client.future(key)),
  tasks: call([options("state", "function", "client", "since", "limit")], (client, given) =>
    client.tasks(given),
  ),
  schedule: call(
    [
      anything,
      options("cron", "everyMs", "timezone", "catchUp", "overlap", "options"),
      anything,
      anything,
    ],
    (client, name, given, task: string, argument) => client.schedule(name, given, task, argument),
  ),
  unschedule: call([anything], (client, name) => client.unschedule(name)),
  whoHas: call([anything], (client, futures) => client.whoHas(futures)),
  waitForWorkers: call([anything, options("timeoutMs")], (client, count, given) =>
    client.waitForWorkers(count, given),
  ),
  retireWorkers: call([anything, options("force")], (client, names, given) =>
    client.retireWorkers(names, given),
  ),
  restart: call([options("reason")], (client, given) => client.restart(given)),
  shutdown: call([options("reason")], (client, given) => client.shutdown(given)),
  lock: call([anything, limits], (client, name, given) => client.lock(name).acquire(given)),
  semaphore: call([anything, anything, anything, limits], (client, name, n, count, given) =>
    client.semaphore(name, n).acquire(count, given),
  ),
  event: call([anything, limits], (client, name, given) => client.event(name).wait(given)),
  "queue.put": call([anything, anything, anything, limits], (client, name, size, item, given) =>
    client.queue(name, size).put(item, given),
  ),
  "queue.getBatch": call([texts, nothing, anything, limits], (client, name, size, most, given) =>
    client.queue(name, size).getBatch(most, given),
  ),
  variable: call([anything, anything], (client, name, value) => client.variable(name).set(value)),
};

type Call = {
  args: fc.Arbitrary<never[]>;
  /** Where the options are among these; -1 when it takes none. */
  optionsAt: number;
  make: (client: Client, ...args: never[]) => unknown;
};

function call(args: fc.Arbitrary<unknown>[], make: Call["make"]): Call {
  const optionsAt = args.findIndex((arg) => ofOptions.has(arg));
  return { args: fc.tuple(...args) as unknown as Call["args"], optionsAt, make };
}

/** Every method of the client that is not one of these only looks at what is here. */
const silent = [
  "asCompleted",
  "progress",
  "close",
  "listPublished",
  "schedules",
  "workers",
  "info",
  "constructor",
];

test("every method of a client is tried", () => {
  const { prototype } = new FakeScheduler().client().constructor as { prototype: object };
  const methods = Object.getOwnPropertyNames(prototype).filter((name) => !silent.includes(name));
  const tried = new Set(Object.keys(calls).map((name) => name.split(".")[0]));
  expect(methods.filter((name) => !tried.has(name) && !(name in { signal: 1 }))).toEqual([]);
});

test.each(Object.keys(calls))(
  "whatever %s is given, the scheduler is sent nothing that it refuses",
  (name) => {
    fc.assert(
      fc.property(calls[name]!.args, (args) => {
        const scheduler = new FakeScheduler();
        try {
          const outcome = calls[name]!.make(scheduler.client(), ...args);
          Promise.resolve(outcome).catch(refuses);
        } catch (error) {
          refuses(error);
        }
        for (const message of scheduler.flush()) expectAccepted(message);
      }),
      { numRuns: 200 },
    );
  },
);

const withOptions = Object.keys(calls).filter((name) => calls[name]!.optionsAt >= 0);

test.each(withOptions)(
  "an option that there is not is refused by %s, whatever else it is given",
  (name) =>
    fc.assert(
      fc.asyncProperty(calls[name]!.args, async (args) => {
        const { make, optionsAt } = calls[name]!;
        const client = new FakeScheduler().client();
        let refused: unknown;
        try {
          const given = args.with(optionsAt, { noSuch: 1 } as never);
          void Promise.resolve(make(client, ...given)).catch((error: unknown) => (refused = error));
        } catch (error) {
          refused = error;
        }
        await new Promise((resolve) => setImmediate(resolve));
        expect(refused).toBeInstanceOf(Error);
        expect(client.signal.aborted).toBe(false);
      }),
      { numRuns: 50 },
    ),
);

/** With an error that is meant for people, and not one of an assumption that does not hold. */
function refuses(error: unknown): void {
  expect(error).toBeInstanceOf(Error);
}

function expectAccepted(message: FromClient): void {
  const frames = new FrameBuilder();
  frames.add(message);
  const { messages, parts } = readFrame(writeFrame(0, frames.take()));
  for (const each of messages) checkFromClient(each, parts);
}
