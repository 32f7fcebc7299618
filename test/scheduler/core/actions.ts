// What may happen to a scheduler, as fast-check makes it up: by clients that know nothing of each
// other, by workers in any state, by time; and how each action is carried out in a `World`.

import fc from "fast-check";
import type { FromWorker, TaskOptions } from "../../../src/wire/protocol.ts";
import type { Event } from "../../../scheduler/core/step.ts";
import { coordinate, coordinationRequests, giveBack } from "./coordination/random.ts";
import {
  columns,
  heldBytes,
  isHeldByWorker,
  valueOf,
  type FakeWorker,
  type Held,
} from "./fake-worker.ts";
import { scheduleNames, tellMoments } from "./schedules/random.ts";
import { restartReason, type FakeClient, type World } from "./world.ts";

/** Small times and sizes, so that few events reach every bound. */
export const coreOptions = {
  graceMs: 100,
  reservationMs: 20,
  unknownTaskTimeoutMs: 50,
  maxAhead: 3,
  maxWorkerLosses: 2,
  smallResultBytes: 4,
  keptBytes: 40,
};

const clientIds = ["ann", "bob", "cid"];
export const workerNames = ["w1", "w2", "w3"];
export const functions = ["f", "g", "h"];
/** What a task may ask for; the last worker of each run can give all of it. */
const taskOptions: TaskOptions[] = [
  {},
  {},
  { priority: 5 },
  { priority: -5, expiresMs: 30 },
  { retries: { max: 2, delayMs: 20, jitter: 0.5 } },
  { retries: { max: 1 }, run: { timeoutMs: 10 } },
  { retries: { max: 3, delayMs: 5 }, retryIf: ["task-failed"] },
  { delayMs: 40 },
  { startAt: 1_100, expiresMs: 300 },
  { resources: { gpu: 1 } },
  { resources: { gpu: 2, share: 0.3 }, priority: 5 },
  { resources: { share: 0.1 } },
  { workers: ["w1"] },
  { tags: ["big"] },
  { tags: ["big", "fast"], workers: ["w2"], allowOtherWorkers: true },
  { workers: ["w2", "w9"], allowOtherWorkers: true },
  { maxWorkerLosses: 1 },
  { keepMs: 30 },
  { keepMs: 200, priority: -5 },
  { maxRunning: 1 },
  { maxRunning: 2, limitName: "api" },
  { maxRunning: 2, limitName: "api", resources: { gpu: 1 }, priority: 5 },
  { maxRunning: 2, limitName: "api", rateLimit: { count: 2, perMs: 15 } },
  { rateLimit: { count: 2, perMs: 15 }, limitName: "api" },
  { rateLimit: { count: 1, perMs: 10 }, expiresMs: 30 },
  { maxRunning: 1, limitName: "one" },
  { maxRunning: 1, limitName: "two", priority: 5 },
  { maxRunning: 2, limitName: "three", resources: { share: 0.1 } },
  { atMostOnce: true },
  { atMostOnce: true, delayMs: 10 },
  { unschedulableTimeoutMs: 30, resources: { gpu: 2 } },
];
const job = { system: "slurm", id: "7", step: "0" };
function digestsOf(...names: string[]): string[] {
  return names.map((name) => name.repeat(43));
}
export const workerKinds = [
  { slots: 1, functions: ["f"], resources: {}, memoryBytes: 1.5 * heldBytes },
  {
    slots: 2,
    functions: ["f", "g"],
    digests: digestsOf("f", "g"),
    resources: { gpu: 1 },
    tags: ["big"],
    job,
  },
  {
    slots: 3,
    functions: ["f", "g", "h"],
    digests: digestsOf("f", "g", "h"),
    resources: { gpu: 2, share: 0.3 },
    tags: ["fast", "big"],
  },
];
const failures = ["task-failed", "task-failed", "task-timeout", "thread-lost", "not-serializable"];

const some = fc.array(fc.nat(999), { minLength: 1, maxLength: 4 });
const which = fc.nat(999);
const client = fc.nat(clientIds.length - 1);
const worker = fc.nat(workerNames.length - 1);
export const publishedNames = ["model", "data"];
const publishedName = fc.constantFrom(...publishedNames);
const scheduleName = fc.constantFrom(...scheduleNames);
/** How the clock of the machine is set before it is looked at. */
const clockSteps = [0, 0, 0, 20, 130_000, -15, -130_000, -2 * 24 * 3_600_000];
/** Rather than by a program: by a task, if there is one that executes. */
const inside = fc.option(which, { freq: 2, nil: undefined });
const of = <Do extends string, Rest extends object>(
  name: Do,
  rest: { [Part in keyof Rest]: fc.Arbitrary<Rest[Part]> },
) => fc.record({ do: fc.constant(name), ...rest }) as fc.Arbitrary<{ do: Do } & Rest>;

export const actions = fc.oneof(
  {
    weight: 12,
    arbitrary: of("submit", {
      client,
      inside,
      name: fc.constantFrom(...functions, ...functions, "unknown"),
      /** The client gives the function itself, and not its name. */
      isPassed: fc.boolean(),
      options: which,
      inputs: fc.array(fc.array(which, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      /** Sometimes a key that exists or existed. */
      again: fc.option(which, { freq: 4, nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: of("cancel", { client, inside, some, force: fc.boolean() }) },
  { weight: 4, arbitrary: of("release", { client, inside, some }) },
  { weight: 3, arbitrary: of("retry", { client, inside, some }) },
  { weight: 3, arbitrary: of("detach", { client, inside, some }) },
  { weight: 3, arbitrary: of("want", { client, inside, some }) },
  { weight: 1, arbitrary: of("fetch", { client, some }) },
  { weight: 1, arbitrary: of("ask", { client, inside, some }) },
  {
    weight: 2,
    arbitrary: of("publish", { client, some, name: publishedName, override: fc.boolean() }),
  },
  { weight: 2, arbitrary: of("published", { client, name: publishedName }) },
  { weight: 1, arbitrary: of("unpublish", { client, name: publishedName }) },
  { weight: 1, arbitrary: of("restart", { client }) },
  {
    weight: 4,
    arbitrary: of("schedule", {
      ...{ client, inside, name: scheduleName, options: which },
      everyMs: fc.constantFrom(undefined, 100, 30_000),
      catchUp: fc.constantFrom("one", "all", "none"),
      overlap: fc.constantFrom("skip", "allow", "replace"),
      inputs: fc.array(which, { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: of("unschedule", { client, name: scheduleName }) },
  { weight: 4, arbitrary: of("moments", { stepMs: fc.constantFrom(...clockSteps) }) },
  { weight: 1, arbitrary: of("stand-still", { ms: fc.constantFrom(10, 130_000) }) },
  {
    weight: 6,
    arbitrary: of("coordinate", { client, inside, some, request: coordinationRequests }),
  },
  { weight: 2, arbitrary: of("give-back", { client, some }) },
  { weight: 1, arbitrary: of("who-has", { client, some }) },
  { weight: 2, arbitrary: of("scatter", { client, broadcast: fc.boolean(), small: fc.boolean() }) },
  { weight: 3, arbitrary: of("upload", { client }) },
  { weight: 1, arbitrary: of("retire", { client, which }) },
  { weight: 2, arbitrary: of("client-link", { client, isSilent: fc.boolean() }) },
  { weight: 1, arbitrary: of("client-leaves", { client }) },
  {
    weight: 4,
    arbitrary: of("worker-joins", {
      worker,
      kind: fc.nat(workerKinds.length - 1),
      endsInMs: fc.option(fc.nat(200), { freq: 1, nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: of("worker-link", { worker }) },
  { weight: 1, arbitrary: of("worker-lost", { worker, bySuccessor: fc.boolean() }) },
  { weight: 1, arbitrary: of("heard-of-workers", { how: fc.nat(2) }) },
  { weight: 1, arbitrary: of("expect-no-workers", { client, isSo: fc.boolean() }) },
  { weight: 3, arbitrary: of("output", { worker, which, isTaken: fc.boolean() }) },
  { weight: 1, arbitrary: of("worker-leaves", { worker }) },
  { weight: 8, arbitrary: of("read", { worker, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 4, arbitrary: of("start", { worker, which, report: fc.boolean() }) },
  { weight: 12, arbitrary: of("nest", { worker, options: which, which, lends: fc.boolean() }) },
  { weight: 5, arbitrary: of("lend", { worker, some }) },
  { weight: 9, arbitrary: of("resume", { worker, some }) },
  { weight: 10, arbitrary: of("finish", { worker, some, micros: fc.constantFrom(10, 900, 1e5) }) },
  { weight: 4, arbitrary: of("fail", { worker, which, how: which }) },
  { weight: 3, arbitrary: of("stop", { worker, some }) },
  { weight: 4, arbitrary: of("fetch-input", { worker, which }) },
  { weight: 3, arbitrary: of("copy", { worker }) },
  { weight: 1, arbitrary: of("lose-value", { worker, which, caught: fc.boolean() }) },
  { weight: 1, arbitrary: of("pause", { worker, paused: fc.boolean() }) },
  { weight: 2, arbitrary: of("noise", { worker, which, how: which }) },
  { weight: 4, arbitrary: of("pass", { ms: fc.integer({ min: 0, max: 60 }) }) },
);
export type Action = typeof actions extends fc.Arbitrary<infer Made> ? Made : never;

/** @param endingAt after so many actions the time limit is near */
export function actAll(world: World, run: readonly Action[], endingAt?: number): void {
  for (const [index, action] of run.entries()) {
    if (index === endingAt) {
      world.handle({ type: "time-limit", limit: "the time limit", leftMs: 1_000 });
    }
    act(world, action);
  }
}

export function act(world: World, action: Action): void {
  if ("client" in action) {
    const within = "inside" in action ? action.inside : undefined;
    const executing = [...world.workers.values()]
      .filter(({ away }) => !away)
      .flatMap((worker) => worker.executing().map((held) => ({ worker, held })));
    if (within !== undefined && executing.length > 0) {
      const { worker, held } = executing[within % executing.length]!;
      actAsClient(world, world.inside(worker, held), action);
      return;
    }
    const id = clientIds[action.client]!;
    if (!world.clients.has(id)) world.joinClient(id);
    actAsClient(world, world.clients.get(id)!, action);
  } else if (action.do === "pass") {
    world.pass(action.ms);
  } else if (action.do === "stand-still") {
    world.now += action.ms;
    world.handle({ type: "clock" });
  } else if (action.do === "moments") {
    world.wallAheadMs += action.stepMs;
    tellMoments(world);
    world.handle({ type: "wall-clock", at: world.now + world.wallAheadMs });
  } else if (action.do === "heard-of-workers") {
    const missing = { name: "w8", host: "h", how: "no such module" };
    const events: Event[] = [
      { type: "step-ended", step: job },
      { type: "no-worker-coming", why: "its steps have ended" },
      { type: "worker-ended", ...missing, job },
    ];
    world.handle(events[action.how]!);
  } else {
    const name = workerNames[action.worker]!;
    const present = [...world.workers.values()].find(({ facts }) => facts.name === name);
    if (action.do === "worker-joins") {
      const { kind, endsInMs } = action;
      const facts = { name, host: "h", pid: 1, threads: 1, ...workerKinds[kind]!, endsInMs };
      world.joinWorker(`${name}-${world.events.length}`, facts);
    } else if (present) {
      actAsWorker(world, present, action);
    }
  }
}

type ByClient = Extract<Action, { client: number }>;
function actAsClient(world: World, by: FakeClient, action: ByClient): void {
  const keys = "some" in action ? pick(keysOf(world), action.some) : [];
  if (action.do === "client-link") {
    by.away = !by.away;
    const { isSilent } = action;
    world.handle(
      by.away ? { type: "client-away", id: by.id, isSilent } : { type: "client-back", id: by.id },
    );
  } else if (action.do === "client-leaves") {
    world.leaveClient(by);
  } else if (by.away) {
    return;
  } else if (action.do === "scatter") {
    const key = `s${world.minted++}`;
    world.calls.set(key, {
      ...{ name: "scatter()", options: {}, inputs: [] },
      ...{ mostStarts: 1, starts: 0 },
    });
    by.futures.set(key, "pending");
    const value = action.small ? { value: valueOf(key) } : {};
    const { broadcast } = action;
    world.say(by.id, { type: "scatter", id: 4, key, bytes: heldBytes, broadcast, ...value });
    if (!world.state.tasks.has(key)) by.futures.delete(key);
  } else if (action.do === "upload") {
    upload(world, world.uploads.shift());
  } else if (action.do === "retire") {
    const name = workerNames[action.which % workerNames.length]!;
    world.say(by.id, { type: "retire", id: 5, workers: [name] });
  } else if (action.do === "submit") {
    submit(world, by, action);
  } else if (action.do === "expect-no-workers") {
    const reason = action.isSo ? { reason: "the queue is closed" } : {};
    world.say(by.id, { type: "expect-no-workers", id: 6, ...reason });
  } else if (action.do === "restart") {
    world.say(by.id, { type: "restart", id: 6, reason: restartReason });
  } else if (action.do === "publish") {
    const { name, override } = action;
    world.say(by.id, { type: "publish", id: 4, name, value: "~", inputs: keys, override });
  } else if (action.do === "published" || action.do === "unpublish") {
    world.say(by.id, { type: action.do, id: 5, name: action.name });
  } else if (action.do === "schedule") {
    schedule(world, by, action);
  } else if (action.do === "unschedule") {
    world.say(by.id, { type: "unschedule", id: 5, name: action.name });
  } else if (action.do === "coordinate") {
    coordinate(world, by, { request: action.request, keys });
  } else if (action.do === "give-back") {
    giveBack(world, by, action.some);
  } else if (keys.length === 0) {
    return;
  } else if (action.do === "cancel") {
    const { force } = action;
    // As the client library does: what it has heard the end of is not cancelled, or it would lose what it holds.
    const open = keys.filter((key) => (by.futures.get(key) ?? "pending") === "pending");
    if (open.length === 0) return;
    world.say(by.id, { type: "cancel", keys: open, ...(force && { force, reason: "forced" }) });
  } else if (action.do === "release") {
    world.release(by, keys);
  } else if (action.do === "retry") {
    for (const key of keys) if (by.futures.has(key)) world.retry(by, key);
  } else if (action.do === "want") {
    world.want(by, [...keys, "stranger"]);
  } else if (action.do === "detach") {
    world.say(by.id, { type: "detach", keys });
  } else if (action.do === "fetch") {
    const stored = keys.filter((key) => by.futures.get(key) === "stored");
    if (stored.length > 0) world.say(by.id, { type: "fetch", keys: stored });
  } else if (action.do === "who-has") {
    world.say(by.id, { type: "who-has", id: 6, keys });
  } else if (action.do === "ask") {
    world.say(
      by.id,
      { type: "info", id: 1 },
      { type: "workers", id: 2 },
      { type: "demand", id: 4, targetMs: 100 },
      { type: "tasks", id: 7, limit: 3, states: ["running", "finished"] },
      { type: "registered-at", id: 5, name: "f", digest: digestsOf("f")[0]! },
      ...keys.map((key) => ({ type: "explain" as const, id: 3, key })),
    );
  }
}

function submit(world: World, by: FakeClient, action: Extract<Action, { do: "submit" }>): void {
  const known = keysOf(world);
  const called = known.filter((key) => world.calls.get(key)!.name !== "scatter()");
  const chosen = taskOptions[action.options % taskOptions.length]!;
  const again = action.again === undefined ? [] : pick(called, [action.again]);
  const keys = action.inputs.map((_, index) => again[index] ?? `k${world.minted++}`);
  // The same future twice is not what the client library sends, and is no reason to wait for ever.
  const inputs = action.inputs.map((each) => each.flatMap((place) => pick(known, [place])));
  const args = keys.map((key) => `[${key}]`);
  let name = action.name;
  let digest = action.isPassed ? digestsOf(name)[0] : undefined;
  // The client library refuses another call under a key that it holds; a stranger's it cannot know.
  const [first] = keys;
  const existing = again.length > 0 ? world.state.tasks.get(first!) : undefined;
  if (existing && by.futures.has(first!)) {
    const { function: facts } = existing.spec;
    name = facts.name;
    digest = facts.passed ? facts.digest : undefined;
    inputs[0] = [...(existing.inputKeys ?? [])];
    // One that a schedule submitted has arguments of its own.
    args[0] = existing.args as string;
  }
  world.submit(by, {
    type: "submit",
    name,
    ...(digest !== undefined && { digest }),
    keys,
    args,
    ...(inputs.some((each) => each.length > 0) && { inputs }),
    ...(Object.keys(chosen).length > 0 && { options: chosen }),
  });
}

function schedule(world: World, by: FakeClient, action: Extract<Action, { do: "schedule" }>): void {
  const { name, everyMs, catchUp, overlap, options } = action;
  const inputs = [...new Set(action.inputs.flatMap((place) => pick(keysOf(world), [place])))];
  const chosen = taskOptions[options % taskOptions.length]!;
  world.say(by.id, {
    type: "schedule",
    id: 7,
    ...{ name, function: "f", value: `[${name}]`, catchUp, overlap },
    ...(everyMs === undefined ? { cron: "every 20 ms" } : { everyMs }),
    ...(inputs.length > 0 && { inputs }),
    ...(Object.keys(chosen).length > 0 && { options: chosen }),
  });
}

type ByWorker = Exclude<Extract<Action, { worker: number }>, { do: "worker-joins" }>;
function actAsWorker(world: World, by: FakeWorker, action: ByWorker): void {
  const held = [...by.held.values()];
  if (action.do === "worker-link") {
    by.away = !by.away;
    world.handle({ type: by.away ? "worker-away" : "worker-back", id: by.id });
  } else if (action.do === "worker-lost") {
    world.loseWorker(by, by.leaving ? "it left" : "it was killed", action.bySuccessor);
  } else if (by.away) {
    return;
  } else if (action.do === "worker-leaves") {
    for (const message of by.leave()) world.hear(by, message);
  } else if (action.do === "read") {
    world.hear(by, ...by.read(action.count));
    if (by.farewell) world.loseWorker(by, "it left");
  } else if (action.do === "fetch-input") {
    for (const each of pick(held, [action.which]))
      world.hear(by, ...fetchInputs(world, by, each).said);
  } else if (action.do === "copy") {
    copy(world, by);
  } else if (action.do === "lose-value") {
    loseValue(world, by, action);
  } else if (action.do === "pause") {
    world.hear(by, action.paused ? { type: "paused", reason: "full" } : { type: "resumed" });
  } else if (action.do === "start") {
    for (const each of pick(held, [action.which])) {
      world.hear(by, ...by.start(each));
      if (action.report && each.executing) world.hear(by, columns("started", [each]));
    }
  } else if (action.do === "output") {
    for (const { key, attempt } of pick(by.executing(), [action.which])) {
      world.hear(by, { type: "output", key, attempt, value: "an output" });
      world.hear(by, { type: "progress", key, attempt, fraction: 0.5, text: "half" });
      if (!action.isTaken) continue;
      const taken = { type: "output-taken" as const, key, attempt, bytes: 5 };
      for (const { id, away } of world.clients.values()) if (!away) world.say(id, taken);
    }
  } else if (action.do === "nest") {
    nest(world, by, action);
  } else if (action.do === "lend") {
    const lending = pick(by.executing(false), action.some);
    if (lending.length > 0) world.hear(by, columns("lent", lending));
  } else if (action.do === "resume") {
    const resuming = pick(by.executing(true), action.some);
    if (resuming.length > 0) world.hear(by, columns("resuming", resuming));
  } else if (action.do === "finish") {
    finish(world, by, pick(held, action.some), action.micros);
  } else if (action.do === "fail") {
    const code = failures[action.how % failures.length]!;
    for (const each of pick(held, [action.which])) fail(world, by, each, code);
  } else if (action.do === "stop") {
    const cancelled = pick(held, action.some).filter((each) => each.cancelled);
    if (cancelled.length > 0) world.hear(by, columns("stopped", cancelled));
  } else {
    noise(world, by, action);
  }
}

/** All that is there begins, and one of it submits as much as it holds itself, and may wait for that. */
function nest(world: World, by: FakeWorker, action: Extract<Action, { do: "nest" }>): void {
  world.hear(by, ...by.read(Infinity));
  for (const held of by.unstarted) world.hear(by, ...by.start(held));
  for (const held of pick(by.executing(), [action.which])) {
    const options = taskOptions[action.options % taskOptions.length]!;
    const keys = [`k${world.minted++}`, `k${world.minted++}`];
    const args = keys.map((key) => `[${key}]`);
    const inside = world.inside(by, held);
    world.submit(inside, { type: "submit", name: "f", keys, args, options });
    if (action.lends && by.executing(false).includes(held)) {
      world.hear(by, columns("lent", [held]));
    }
  }
}

export function finish(world: World, by: FakeWorker, held: Held[], micros = 500): void {
  const able = held.filter((each) => {
    const { said, isThere } = fetchInputs(world, by, each);
    world.hear(by, ...said);
    // It may have heard something else in answer.
    return isThere && by.held.get(each.key) === each;
  });
  if (able.length === 0) return;
  for (const { key, attempt } of able) {
    if (isHeldByWorker(key)) by.holds.set(key, { order: undefined, attempt, bytes: heldBytes });
  }
  world.hear(by, ...able.flatMap((each) => by.start(each)), {
    type: "finished",
    keys: able.map(({ key }) => key),
    attempts: able.map(({ attempt }) => attempt),
    values: able.map(({ key }) => (isHeldByWorker(key) ? { bytes: heldBytes } : valueOf(key))),
    micros: able.map(() => micros),
  });
}

/** Gets what a call still has to fetch, or gives the call back. */
function fetchInputs(
  world: World,
  by: FakeWorker,
  { key, attempt, needs, cancelled, executing }: Held,
): { said: FromWorker[]; isThere: boolean } {
  const said: FromWorker[] = [];
  if (executing || cancelled) return { said, isThere: true };
  for (const need of needs) {
    const fetched = by.fetch(need, (address) => world.at(address));
    if (fetched.said) said.push(...fetched.said);
    else {
      const { order } = need;
      const input = { key: need.key, order, attempt: need.attempt, lacking: fetched.lacking };
      said.push({ type: "missing", call: { key, attempt }, ...input, why: "nobody has it" });
      return { said, isThere: false };
    }
  }
  return { said, isThere: true };
}

/** Answers for the oldest copy that it was asked for. */
export function copy(world: World, by: FakeWorker): void {
  const need = by.copies.shift();
  if (need === undefined) return;
  const fetched = by.fetch(need, (address) => world.at(address));
  const { key, order, attempt, bytes } = need;
  if (fetched.lacking) {
    world.hear(by, { type: "missing", key, order, attempt, lacking: fetched.lacking, why: "no" });
  } else if (fetched.said.length > 0) {
    world.hear(by, ...fetched.said);
  } else {
    const one = { keys: [key], orders: [order], attempts: [attempt], bytes: [bytes] };
    world.hear(by, { type: "held", ...one });
  }
}

/** A value that it has is gone, as when its disk is broken; somebody may find out at once. */
function loseValue(
  world: World,
  by: FakeWorker,
  { which, caught }: { which: number; caught: boolean },
): void {
  for (const [key, { attempt }] of pick([...by.holds], [which])) {
    by.holds.delete(key);
    by.forgetful = true;
    const order = world.state.tasks.get(key)?.order ?? 0;
    if (caught) world.handle({ type: "holder-lacks", worker: by.id, key, order, attempt });
  }
}

/** A scattered value arrives; or its client gives up, since whom it was sent to is gone. */
export function upload(world: World, sent: World["uploads"][number] | undefined): void {
  if (sent === undefined) return;
  const { key, order, attempt, bytes, from } = sent.need;
  const target = world.at(from[0]!);
  const client = world.clients.get(sent.client);
  if (target && !target.away) {
    target.holds.set(key, { order, attempt, bytes });
    const one = { keys: [key], orders: [order], attempts: [attempt], bytes: [bytes] };
    world.hear(target, { type: "held", ...one });
  } else if (client && !client.away) {
    world.say(client.id, { type: "cancel", keys: [key] });
  } else if (client) {
    world.uploads.push(sent);
  }
}

function fail(world: World, by: FakeWorker, held: Held, code: string): void {
  const { key, attempt } = held;
  const failure = { code, message: `${key} failed` };
  world.hear(by, ...by.start(held), { type: "failed", key, attempt, failure });
}

/** Answers that belong to nothing: of attempts that ended, of others, of keys never heard of. */
function noise(world: World, by: FakeWorker, { which, how }: { which: number; how: number }): void {
  const past = [...by.ended, { key: "stranger", attempt: 1 }];
  const attempts = [
    past[which % past.length]!,
    ...[...by.held.values()].map(({ key, attempt }) => ({ key, attempt: attempt + 1 })),
  ].filter((each) => !by.isCurrent(each));
  for (const { key, attempt } of attempts) {
    const one = { keys: [key], attempts: [attempt] };
    const failure = { code: "task-failed", message: "stale" };
    const messages = [
      { type: "finished" as const, ...one, values: ["stale"], micros: [1] },
      { type: "failed" as const, key, attempt, failure },
      { type: "started" as const, ...one },
      { type: "withdrawn" as const, ...one },
      { type: "stopped" as const, ...one },
      { type: "progress" as const, key, attempt, fraction: 0.5 },
    ];
    world.hear(by, messages[how % messages.length]!);
  }
}

export function keysOf({ calls }: World): string[] {
  return [...calls.keys()];
}

function pick<Item>(items: readonly Item[], places: readonly number[]): Item[] {
  if (items.length === 0) return [];
  return [...new Set(places.map((place) => items[place % items.length]!))];
}
