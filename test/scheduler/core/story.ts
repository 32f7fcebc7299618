// A stage for stories about the core: peers with names, a clock that is set by hand, and what each
// step does as one object: messages by who gets them, and what was logged. Nothing is left out, so
// a comparison with it says that nothing else happened.

import { errorOf } from "../../../src/errors/failure.ts";
import type {
  AnswerMessage,
  FromClient,
  FromWorker,
  RequestMessage,
  TaskOptions,
  ToClient,
  ToWorker,
} from "../../../src/wire/protocol.ts";
import type { ParametersOf, QueryName, ResultOf } from "../../../src/wire/requests.ts";
import type { Explanation, SchedulerInfo, WorkerInfo } from "../../../src/wire/facts.ts";
import { checkInvariants } from "../../../scheduler/core/invariants.ts";
import { createState, type CoreOptions, type State } from "../../../scheduler/core/state.ts";
import { nextWakeUp, step, type Event } from "../../../scheduler/core/step.ts";

/** What a step did: by peer what it was sent; `log` and `disconnect` only when there was any. */
export type Done = Record<string, (ToWorker | ToClient | string)[]>;

type WorkerOptions = {
  slots?: number;
  functions?: string[];
  digests?: string[];
  resources?: Record<string, number>;
  tags?: string[];
  host?: string;
  /** Where others fetch what it holds. */
  address?: string;
  memoryBytes?: number;
  endsInMs?: number;
  job?: { system: string; id: string; step: string };
};

/** A task by its key: its inputs, if it has any; its arguments are made of its key. */
type Calls = string[] | Record<string, string[]>;

export class Story {
  readonly state: State;
  now = 0;
  /** Whether the invariants are looked at after each step: all of them, so it takes long with many tasks. */
  isChecked = true;

  constructor(options: Partial<CoreOptions> = {}) {
    this.state = createState(options);
  }

  handle(event: Event): Done {
    const done: Done = {};
    const note = (who: string, ...what: Done[string]) => (done[who] ??= []).push(...what);
    for (const effect of step(this.state, this.now, event)) {
      if (effect.do === "log") note("log", effect.text);
      else if (effect.do === "stop") note("stop", effect.why);
      else if (effect.do === "disconnect") note("disconnect", effect.peer);
      else note(effect.to, ...effect.messages);
    }
    if (this.isChecked) checkInvariants(this.state);
    return done;
  }

  /** Sets the clock, and lets the core see it. */
  at(now: number): Done {
    this.now = now;
    return this.handle({ type: "clock" });
  }

  get nextWakeUp(): number | undefined {
    return nextWakeUp(this.state);
  }

  client(id: string): StoryClient {
    this.handle({ type: "client-joins", id, name: id });
    return new StoryClient(this, id);
  }

  /** A worker that has not joined yet. One slot, and the function `f`, unless said otherwise. */
  worker(id: string, options: WorkerOptions = {}): StoryWorker {
    return new StoryWorker(this, id, options);
  }
}

export class StoryClient {
  readonly #story: Story;
  readonly id: string;

  constructor(story: Story, id: string) {
    this.#story = story;
    this.id = id;
  }

  submit(name: string, calls: Calls, options?: TaskOptions): Done {
    const keys = Array.isArray(calls) ? calls : Object.keys(calls);
    const inputs = Array.isArray(calls) ? undefined : keys.map((key) => calls[key]!);
    return this.#say({
      type: "submit",
      name,
      keys,
      args: keys.map(argsOf),
      ...(inputs && { inputs }),
      ...(options && { options }),
    });
  }

  cancel(keys: string[], how: { reason?: string; force?: boolean } = {}): Done {
    return this.#say({ type: "cancel", keys, ...how });
  }

  release(...keys: string[]): Done {
    return this.#say({ type: "release", keys });
  }

  retry(...keys: string[]): Done {
    return this.#say({ type: "retry", keys });
  }

  detach(...keys: string[]): Done {
    return this.#say({ type: "detach", keys });
  }

  fetch(...keys: string[]): Done {
    return this.#say({ type: "fetch", keys });
  }

  take(offer: number): Done {
    return this.#say({ type: "take", offer });
  }

  want(...keys: string[]): Done {
    return this.#say({ type: "want", id: 1, keys });
  }

  tookOutput(key: string, bytes: number, attempt = 1): Done {
    return this.#say({ type: "output-taken", key, attempt, bytes });
  }

  publish(name: string, value: string, inputs: string[], how: { override?: boolean } = {}): Done {
    return this.#say({ type: "publish", id: 1, name, value, inputs, ...how });
  }

  published(name: string): Done {
    return this.#say({ type: "published", id: 1, name });
  }

  restart(reason?: string): Done {
    return this.#say({ type: "restart", id: 1, ...(reason !== undefined && { reason }) });
  }

  shutdown(reason?: string): Done {
    return this.#say({ type: "shutdown", ...(reason !== undefined && { reason }) });
  }

  unpublish(name: string): Done {
    return this.#say({ type: "unpublish", id: 1, name });
  }

  info(): SchedulerInfo {
    return this.ask("info", {});
  }

  workers(): WorkerInfo[] {
    return this.ask("workers", {});
  }

  explain(key: string): Explanation {
    return this.ask("explain", { key });
  }

  away(): Done {
    return this.#story.handle({ type: "client-away", id: this.id });
  }

  back(): Done {
    return this.#story.handle({ type: "client-back", id: this.id });
  }

  leave(): Done {
    return this.#story.handle({ type: "client-leaves", id: this.id });
  }

  /**
   * The result of any query.
   *
   * @throws what the client would throw when it is refused
   */
  ask<Name extends QueryName>(name: Name, parameters: ParametersOf<Name>): ResultOf<Name> {
    const done = this.#say({ type: name, id: 1, ...parameters } as RequestMessage);
    const [answer] = done[this.id] as [AnswerMessage];
    if ("failure" in answer) throw errorOf(answer.failure);
    return answer.result as ResultOf<Name>;
  }

  say(message: FromClient): Done {
    return this.#say(message);
  }

  #say(message: Extract<Event, { type: "client-messages" }>["messages"][number]): Done {
    return this.#story.handle({ type: "client-messages", from: this.id, messages: [message] });
  }
}

export class StoryWorker {
  readonly #story: Story;
  readonly id: string;
  readonly #options: WorkerOptions;

  constructor(story: Story, id: string, options: WorkerOptions) {
    this.#story = story;
    this.id = id;
    this.#options = options;
  }

  join(): Done {
    const { slots = 1, functions = ["f"], resources = {}, host = "host" } = this.#options;
    const facts = {
      address: this.#options.address,
      memoryBytes: this.#options.memoryBytes,
      endsInMs: this.#options.endsInMs,
      job: this.#options.job,
      name: this.id,
      host,
      pid: 1,
      threads: slots,
      slots,
      functions,
      digests: this.#options.digests,
      tags: this.#options.tags,
      resources,
    };
    return this.#story.handle({ type: "worker-joins", id: this.id, ...facts });
  }

  /** Each returned its own key as its value, after so long on its thread. */
  finish(keys: string | string[], { micros = 100_000, attempt = 1, value = "" } = {}): Done {
    const list = [keys].flat();
    return this.say({
      type: "finished",
      keys: list,
      attempts: list.map(() => attempt),
      values: list.map((key) => value || valueOf(key)),
      micros: list.map(() => micros),
    });
  }

  fail(key: string, { code = "task-failed", attempt = 1, message = `${key} threw` } = {}): Done {
    return this.say({ type: "failed", key, attempt, failure: { code, message } });
  }

  started(key: string, attempt = 1): Done {
    return this.say({ type: "started", keys: [key], attempts: [attempt] });
  }

  stopped(key: string, attempt = 1): Done {
    return this.say({ type: "stopped", keys: [key], attempts: [attempt] });
  }

  withdrawn(...keys: string[]): Done {
    return this.say({ type: "withdrawn", keys, attempts: keys.map(() => 1) });
  }

  restarted(): Done {
    return this.say({ type: "restarted" });
  }

  leaving(): Done {
    return this.say({ type: "leaving" });
  }

  /** The client inside a task submits calls of `f`. */
  submitsInside(key: string, calls: string[], options?: TaskOptions, attempt = 1): Done {
    const args = calls.map(argsOf);
    const message = { type: "submit" as const, name: "f", keys: calls, args };
    return this.saysInside(key, { ...message, ...(options && { options }) }, attempt);
  }

  saysInside(key: string, message: FromClient, attempt = 1): Done {
    return this.say({ type: "sub", key, attempt, message });
  }

  lends(...keys: string[]): Done {
    return this.say({ type: "lent", keys, attempts: keys.map(() => 1) });
  }

  resumes(...keys: string[]): Done {
    return this.say({ type: "resuming", keys, attempts: keys.map(() => 1) });
  }

  say(message: FromWorker): Done {
    return this.#story.handle({ type: "worker-messages", from: this.id, messages: [message] });
  }

  away(): Done {
    return this.#story.handle({ type: "worker-away", id: this.id });
  }

  back(): Done {
    return this.#story.handle({ type: "worker-back", id: this.id });
  }

  lost(how = "it was killed"): Done {
    return this.#story.handle({ type: "worker-lost", id: this.id, how });
  }
}

export function argsOf(key: string): string {
  return `["${key}"]`;
}

export function valueOf(key: string): string {
  return `"${key}"`;
}

// ── The messages that stories are told in ────────────────────────────────────────────────────────

/** To a worker: run these of `f`, each for the first time unless another attempt is given. */
export function run(
  keys: string | string[],
  { attempt = 1, ...more }: Partial<Extract<ToWorker, { type: "run" }>> & { attempt?: number } = {},
): ToWorker {
  const list = [keys].flat();
  const attempts = list.map(() => attempt);
  // Suspects wait before they go on.
  const resources = more.announce && { resources: {} };
  return {
    ...{ type: "run", name: "f", keys: list, attempts, args: list.map(argsOf) },
    ...resources,
    ...more,
  };
}

export function finished(...keys: string[]): ToClient {
  return { type: "finished", keys, values: keys.map(valueOf) };
}

/** The first of the keys is the task that threw. */
export function failed(...keys: [string, ...string[]]): ToClient {
  const [key] = keys;
  const failure = { code: "task-failed", message: `${key} threw`, key, task: "f" };
  return { type: "failed", keys, failure };
}

export function cancelled(keys: string | string[], reason?: string): ToClient {
  return { type: "cancelled", keys: [keys].flat(), ...(reason !== undefined && { reason }) };
}

/** To a worker: for the client inside a task. */
export function inside(key: string, message: ToClient, attempt = 1): ToWorker {
  return { type: "sub", key, attempt, message };
}

/** To a worker. */
export function cancel(key: string, reason?: string, attempt = 1): ToWorker {
  const attempts = [attempt];
  return { type: "cancel", keys: [key], attempts, ...(reason !== undefined && { reason }) };
}

export function withdraw(...keys: string[]): ToWorker {
  return { type: "withdraw", keys, attempts: keys.map(() => 1) };
}
