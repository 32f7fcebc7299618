// A core without peers: whoever uses it says what they say. It remembers the attempts that workers were sent.

import type { FromClient, FromWorker, TaskOptions } from "../../../../src/wire/protocol.ts";
import type { CoreOptions, State } from "../../../../scheduler/core/state.ts";
import type { Event } from "../../../../scheduler/core/step.ts";
import type { WorkerFacts } from "../../../../scheduler/core/workers/membership.ts";

/** The core, which is imported when its steps are counted already. */
export type Core = {
  readonly createState: (options?: Partial<CoreOptions>) => State;
  readonly step: typeof import("../../../../scheduler/core/step.ts").step;
};

type Attempt = { readonly key: string; readonly attempt: number };
type Submission = Partial<Extract<FromClient, { type: "submit" }>>;

export class Scene {
  readonly state: State;
  /** By worker, what it was sent and did not end. */
  readonly sent = new Map<string, Map<string, Attempt>>();
  /** What was offered to each client. */
  readonly offers: { client: string; offer: number }[] = [];
  readonly #step: Core["step"];
  now = 1_000;

  constructor(core: Core, options: Partial<CoreOptions> = {}) {
    this.#step = core.step;
    this.state = core.createState(options);
  }

  handle(event: Event): void {
    for (const effect of this.#step(this.state, this.now, event)) {
      if (effect.do === "send-to-client") {
        for (const message of effect.messages) {
          if (message.type !== "answer" || !("result" in message)) continue;
          const { result } = message;
          if (typeof result !== "object" || result === null || !("offer" in result)) continue;
          this.offers.push({ client: effect.to, offer: result.offer });
        }
      }
      if (effect.do !== "send-to-worker") continue;
      const sent = this.sentTo(effect.to);
      for (const message of effect.messages) {
        if (message.type !== "run") continue;
        message.keys.forEach((key, index) => {
          sent.set(key, { key, attempt: message.attempts[index]! });
        });
      }
    }
  }

  sentTo(worker: string): Map<string, Attempt> {
    let sent = this.sent.get(worker);
    if (sent === undefined) this.sent.set(worker, (sent = new Map()));
    return sent;
  }

  joinClient(id: string): void {
    this.handle({ type: "client-joins", id, name: id });
  }

  joinWorker(id: string, facts: Partial<WorkerFacts> = {}): void {
    const usual = { name: id, host: "h", pid: 1, threads: 1, slots: 1, functions: ["f"] };
    this.handle({
      type: "worker-joins",
      id,
      ...usual,
      ...{ resources: {}, address: `ws://${id}`, ...facts },
    });
  }

  say(from: string, ...messages: FromClient[]): void {
    this.handle({ type: "client-messages", from, messages });
  }

  hear(from: string, ...messages: FromWorker[]): void {
    this.handle({ type: "worker-messages", from, messages });
  }

  /** Time passes, and the clock is looked at once. */
  pass(ms: number): void {
    this.now += ms;
    this.handle({ type: "clock" });
  }

  submit(from: string, keys: readonly string[], more: Submission = {}): void {
    this.say(from, submission(keys, more));
  }

  /** The worker ends what it was sent, and what it is sent then, with values of so many bytes, or here. */
  finishAll(worker = "w1", bytes?: number): void {
    const sent = this.sentTo(worker);
    while (sent.size > 0) {
      const attempts = [...sent.values()];
      sent.clear();
      for (let first = 0; first < attempts.length; first += 10_000) {
        this.hear(worker, finished(attempts.slice(first, first + 10_000), bytes));
      }
    }
  }
}

export function submission(
  keys: readonly string[],
  more: Submission = {},
): Extract<FromClient, { type: "submit" }> {
  return { type: "submit", name: "f", keys: [...keys], args: keys.map(() => "[]"), ...more };
}

export function finished(attempts: readonly Attempt[], bytes?: number): FromWorker {
  return {
    type: "finished",
    ...columnsOf(attempts),
    values: attempts.map(() => (bytes === undefined ? "1" : { bytes })),
    micros: attempts.map(() => 1_000),
  };
}

export function columnsOf(attempts: readonly Attempt[]): { keys: string[]; attempts: number[] } {
  return {
    keys: attempts.map(({ key }) => key),
    attempts: attempts.map(({ attempt }) => attempt),
  };
}

export function range(count: number, prefix = "t"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index.toString(36)}`);
}

// ── Graphs ───────────────────────────────────────────────────────────────────────────────────────

/** By shape, the places of the inputs of each task; the number of edges grows as that of tasks. */
export const shapes: Record<string, (index: number, count: number) => number[]> = {
  apart: () => [],
  chain: (index) => (index === 0 ? [] : [index - 1]),
  "star out": (index) => (index === 0 ? [] : [0]),
  "star in": (index, count) =>
    index === count - 1 ? Array.from({ length: count - 1 }, (_, at) => at) : [],
  layers: (index) => {
    const first = index - (index % 4) - 4;
    return first < 0 ? [] : [first, first + 1, first + 2, first + 3];
  },
  ladder: (index) => {
    if (index === 0) return [];
    const step = index % 3;
    if (step === 0) return [index - 2, index - 1];
    return [index - step];
  },
  "ladder of all": (index) => [index - 1, index - 2].filter((at) => at >= 0),
};

/** By name, what the tasks have besides their inputs, and who else needs them. */
export const dressings: Record<string, (scene: Scene, keys: string[], inputs: string[][]) => void> =
  {
    plain: (scene, keys, inputs) => scene.submit("ann", keys, { inputs }),
    "published at its end": (scene, keys, inputs) => {
      scene.submit("ann", keys, { inputs });
      publish(scene, "end", keys.at(-1)!);
    },
    "published in its middle": (scene, keys, inputs) => {
      scene.submit("ann", keys, { inputs });
      publish(scene, "middle", keys[keys.length >> 1]!);
    },
    shared: (scene, keys, inputs) => {
      scene.submit("ann", keys, { inputs });
      scene.submit("bob", keys, { inputs });
    },
    "wanted by many": (scene, keys, inputs) => {
      scene.submit("ann", keys, { inputs });
      for (const id of range(20, "client")) {
        scene.joinClient(id);
        scene.say(id, { type: "want", id: 1, keys });
      }
    },
    kept: (scene, keys, inputs) =>
      scene.submit("ann", keys, { inputs, options: { keepMs: 5_000 } }),
    detached: (scene, keys, inputs) => {
      scene.submit("ann", keys, { inputs });
      scene.say("ann", { type: "detach", keys });
    },
    "of many specs": eachWith((index) => ({
      expiresMs: 50_000 + index,
      unschedulableTimeoutMs: 2_000,
    })),
    "with names of their own": eachWith((index) => ({
      ...{ maxRunning: 1, limitName: `n${index}` },
      ...{ unschedulableTimeoutMs: 2_000 + index },
    })),
    "with resources of their own": eachWith((index) => ({ resources: { gpu: 1 + index / 1e6 } })),
    "with tags of their own": eachWith((index) => ({ tags: [`tag${index}`] })),
    "for workers of their own": eachWith((index) => ({ workers: [`w${index}`] })),
    limited: eachWith(() => ({ maxRunning: 1, limitName: "api" })),
    "each less urgent": eachWith((index) => ({ priority: -index })),
    "each more urgent": eachWith((index) => ({ priority: index })),
    "of functions of their own": (scene, keys, inputs) => {
      const messages = keys.map((key, index) =>
        submission([key], { name: `f${index}`, inputs: [inputs[index]!] }),
      );
      scene.say("ann", ...messages);
    },
  };

function eachWith(optionsOf: (index: number) => TaskOptions) {
  return (scene: Scene, keys: string[], inputs: string[][]): void => {
    const messages = keys.map((key, index) =>
      submission([key], { inputs: [inputs[index]!], options: optionsOf(index) }),
    );
    scene.say("ann", ...messages);
  };
}

function publish(scene: Scene, name: string, ...inputs: string[]): void {
  scene.say("bob", { type: "publish", id: 2, name, value: "{}", inputs });
}

/** By name, how far the tasks have come. */
export const lives: Record<string, (scene: Scene, keys: string[]) => void> = {
  waiting: () => undefined,
  running: (scene) => scene.joinWorker("w1", big),
  finished: (scene) => {
    scene.joinWorker("w1", big);
    scene.finishAll();
  },
  held: (scene) => {
    scene.joinWorker("w1", big);
    scene.finishAll("w1", 1_000);
    scene.joinWorker("w2", big);
  },
  failed: (scene, [first]) => {
    scene.joinWorker("w1", big);
    const { attempt } = scene.sentTo("w1").get(first!) ?? { attempt: 1 };
    const failure = { code: "task-failed", message: "it threw" };
    scene.hear("w1", { type: "failed", key: first!, attempt, failure });
  },
  cancelled: (scene, keys) => scene.say("ann", { type: "cancel", keys }),
  /** Each has finished but the last, and all values are lost. */
  "lost and found": (scene) => {
    scene.joinWorker("w1", big);
    scene.finishAll("w1", 1_000);
    scene.handle({ type: "worker-lost", id: "w1", how: "killed" });
    scene.joinWorker("w2", big);
  },
};

/** A worker that runs them all at once. */
export const big: Partial<WorkerFacts> = {
  slots: 65_536,
  functions: ["f", "g", ...Array.from({ length: 250 }, (_, index) => `f${index}`)],
  resources: { gpu: 1e6 },
  tags: Array.from({ length: 256 }, (_, index) => `tag${index}`),
};
