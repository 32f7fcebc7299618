// For everything that may be said to the core or happen to it, deeds that do so many times what it costs once.
// A message or an event without an entry does not compile.

import type { FromClient, FromWorker, RequestMessage } from "../../../../src/wire/protocol.ts";
import type { Event } from "../../../../scheduler/core/step.ts";
import type { Due } from "../../../../scheduler/core/timers.ts";
import { big, columnsOf, finished, range, submission, type Scene } from "./scene.ts";

/** Done to a graph of tasks, which `ann` submitted. */
type OnGraph = (scene: Scene, keys: string[]) => void;
/** Brings so many of something together, and returns what is done then. */
export type Crowd = (scene: Scene, count: number) => () => void;
export type Deeds = {
  readonly graph?: Record<string, OnGraph>;
  readonly crowd?: Record<string, Crowd>;
};

const failure = { code: "task-failed", message: "it threw" };
const lost = { code: "thread-lost", message: "it exited" };

type ClientMessage = FromClient["type"];

/** One message with all keys; one with each, in one frame; and each in its own frame. */
function withKeys(...messagesOf: ((keys: string[]) => FromClient)[]): Record<string, OnGraph> {
  const deeds: Record<string, OnGraph> = {};
  messagesOf.forEach((messageOf, index) => {
    deeds[`all ${index}`] = (scene, keys) => scene.say("ann", messageOf(keys));
    deeds[`each ${index}`] = (scene, keys) =>
      scene.say("ann", ...keys.map((key) => messageOf([key])));
    deeds[`backwards ${index}`] = (scene, keys) =>
      scene.say("ann", ...keys.toReversed().map((key) => messageOf([key])));
    deeds[`first ${index}`] = (scene, keys) => scene.say("ann", messageOf(keys.slice(0, 1)));
    deeds[`last ${index}`] = (scene, keys) => scene.say("ann", messageOf(keys.slice(-1)));
  });
  return deeds;
}

const withTasks: Crowd = (scene, count) => {
  scene.submit("ann", range(count));
  return () => undefined;
};

/** `count` clients with a task each, for a worker that they share with others. */
function clients(scene: Scene, count: number): string[] {
  const ids = range(count, "client");
  for (const id of ids) scene.joinClient(id);
  return ids;
}

function workers(scene: Scene, count: number, facts = {}): string[] {
  const ids = range(count, "worker");
  for (const id of ids) scene.joinWorker(id, facts);
  return ids;
}

/** Each client's own task, and a function that says which key it has. */
function taskOfEach(scene: Scene, ids: string[], more = {}): (id: string) => string {
  for (const id of ids) scene.submit(id, [`${id}-1`], more);
  return (id) => `${id}-1`;
}

const coordinate = (
  id: number,
  more: Omit<Extract<RequestMessage, { type: "coordinate" }>, "type" | "id">,
) => ({ type: "coordinate", id, ...more }) as const;

export const ofClients: { readonly [Type in ClientMessage]: Deeds } = {
  submit: {
    graph: {
      "the same again": (scene, keys) => {
        for (const key of keys) {
          const { args, inputKeys } = scene.state.tasks.get(key) ?? {};
          if (args === undefined) continue;
          scene.submit("bob", [key], inputKeys ? { inputs: [[...inputKeys]] } : {});
        }
      },
      "one of all": (scene, keys) => scene.submit("bob", ["one"], { inputs: [keys] }),
      "one of each": (scene, keys) =>
        scene.submit("bob", range(keys.length, "u"), { inputs: keys.map((key) => [key]) }),
      "an urgent one of each": (scene, keys) =>
        scene.say(
          "bob",
          ...keys.map((key, index) =>
            submission([`u-${index}`], { inputs: [[key]], options: { priority: index } }),
          ),
        ),
    },
    crowd: {
      "by many clients": (scene, count) => {
        const ids = clients(scene, count);
        return () => void taskOfEach(scene, ids);
      },
      "by many clients, blocked": (scene, count) => {
        const ids = clients(scene, count);
        scene.joinWorker("w1", { functions: ["g"] });
        scene.joinWorker("w2", { slots: 2 });
        taskOfEach(scene, ids, { options: { atMostOnce: true } });
        return () => {
          for (let index = 0; index < count; index++) {
            const sent = scene.sentTo("w2");
            const [one] = sent.values();
            if (one === undefined) break;
            sent.delete(one.key);
            scene.hear("w2", finished([one]));
          }
        };
      },
      "beside many blocked clients": (scene, count) => {
        const ids = clients(scene, count);
        scene.joinWorker("w1", { functions: ["g"] });
        taskOfEach(scene, ids);
        return () => {
          for (const key of range(count)) {
            scene.submit("ann", [key], { name: "g" });
            scene.sentTo("w1").clear();
            scene.hear("w1", finished([{ key, attempt: 1 }]));
          }
        };
      },
    },
  },
  cancel: {
    graph: withKeys(
      (keys) => ({ type: "cancel", keys }),
      (keys) => ({ type: "cancel", keys, force: true }),
      (keys) => ({ type: "cancel", keys, reason: keys[0]! }),
    ),
  },
  release: { graph: withKeys((keys) => ({ type: "release", keys })) },
  retry: { graph: withKeys((keys) => ({ type: "retry", keys })) },
  detach: { graph: withKeys((keys) => ({ type: "detach", keys })) },
  fetch: {
    graph: withKeys((keys) => ({ type: "fetch", keys })),
    crowd: {
      "a value of many holders": (scene, count) => {
        heldByMany(scene, count);
        return () => {
          for (let each = 0; each < count; each++)
            scene.say("ann", { type: "fetch", keys: ["v-1"] });
        };
      },
    },
  },
  take: {
    crowd: {
      "many offers": (scene, count) => {
        scene.submit("ann", range(count));
        scene.say("ann", { type: "publish", id: 1, name: "p", value: "1", inputs: ["t-0"] });
        for (let id = 0; id < count; id++) scene.say("bob", { type: "published", id, name: "p" });
        return () => {
          for (const { offer } of scene.offers) scene.say("bob", { type: "take", offer });
        };
      },
    },
  },
  shutdown: { graph: { one: (scene) => scene.say("ann", { type: "shutdown" }) } },
  took: {
    crowd: {
      "many items": (scene, count) => {
        const request = { kind: "queue", name: "q" } as const;
        for (let id = 0; id < count; id++) {
          scene.say("ann", coordinate(id, { ...request, op: "put", value: "1" }));
          scene.say("bob", coordinate(id, { ...request, op: "get" }));
        }
        return () => {
          for (let id = 0; id < count; id++) scene.say("bob", { type: "took", ids: [id] });
        };
      },
    },
  },
  "give-back": {
    crowd: {
      "many items": (scene, count) => {
        const request = { kind: "queue", name: "q" } as const;
        for (let id = 0; id < count; id++) {
          scene.say("ann", coordinate(id, { ...request, op: "put", value: "1" }));
          scene.say("bob", coordinate(id, { ...request, op: "get" }));
        }
        return () => {
          const ids = Array.from({ length: count }, (_, id) => id);
          scene.say("bob", { type: "give-back", ids });
        };
      },
      "many waiting": (scene, count) => {
        const request = { kind: "lock", name: "l", op: "acquire" } as const;
        for (let id = 0; id < count; id++) scene.say("bob", coordinate(id, request));
        return () => {
          for (let id = 0; id < count; id++) scene.say("bob", { type: "give-back", ids: [id] });
        };
      },
    },
  },
  "output-taken": {
    graph: {
      each: (scene, keys) => {
        const messages = keys.map((key) => {
          return { type: "output-taken", key, attempt: 1, bytes: 1 } as const;
        });
        scene.say("ann", ...messages);
      },
    },
  },
  "events-read": {
    crowd: {
      many: (scene, count) => {
        scene.say("ann", { type: "events", id: 1 });
        scene.submit("ann", range(count));
        return () => {
          for (let each = 0; each < count; each++) {
            scene.say("ann", { type: "events-read", feed: 1, count: 1 });
          }
        };
      },
    },
  },
  "events-end": {
    crowd: {
      many: (scene, count) => () => {
        for (let id = 0; id < count; id++) {
          scene.say("ann", { type: "events", id });
          scene.say("ann", { type: "events-end", feed: id });
        }
      },
    },
  },

  // ── Requests ───────────────────────────────────────────────────────────────────────────────────
  ping: { crowd: { many: repeated(withTasks, (id) => ({ type: "ping", id })) } },
  info: { graph: { one: (scene) => scene.say("ann", { type: "info", id: 1 }) } },
  workers: { graph: { one: (scene) => scene.say("ann", { type: "workers", id: 1 }) } },
  demand: { graph: { one: (scene) => scene.say("ann", { type: "demand", id: 1, targetMs: 100 }) } },
  "registered-at": {
    crowd: {
      one: (scene, count) => {
        workers(scene, count);
        return () => scene.say("ann", { type: "registered-at", id: 1, name: "f" });
      },
    },
  },
  explain: {
    graph: {
      each: (scene, keys) =>
        scene.say(
          "ann",
          ...keys.slice(-1).map((key) => ({ type: "explain", id: 1, key }) as const),
        ),
    },
  },
  tasks: {
    graph: {
      one: (scene) => scene.say("ann", { type: "tasks", id: 1, limit: 10_000 }),
      "the last few": (scene, keys) =>
        scene.say("ann", { type: "tasks", id: 1, limit: 3, after: keys.length - 10 }),
    },
  },
  "who-has": {
    graph: { one: (scene, keys) => scene.say("ann", { type: "who-has", id: 1, keys }) },
  },
  schedules: {
    crowd: {
      one: (scene, count) => {
        schedules(scene, count);
        return () => scene.say("ann", { type: "schedules", id: 1 });
      },
    },
  },
  want: {
    graph: {
      ...withKeys((keys) => ({ type: "want", id: 1, keys })),
      "by another": (scene, keys) => scene.say("bob", { type: "want", id: 1, keys }),
      "each by another": (scene, keys) =>
        scene.say("bob", ...keys.map((key): FromClient => ({ type: "want", id: 1, keys: [key] }))),
    },
    crowd: {
      "one of many holders, by many": (scene, count) => {
        heldByMany(scene, count);
        const ids = clients(scene, count);
        return () => {
          for (const id of ids) scene.say(id, { type: "want", id: 1, keys: ["v-1"] });
        };
      },
    },
  },
  publish: {
    graph: {
      all: (scene, keys) =>
        scene.say("ann", { type: "publish", id: 1, name: "p", value: "1", inputs: keys }),
      each: (scene, keys) =>
        scene.say(
          "ann",
          ...keys.map((key): FromClient => {
            return { type: "publish", id: 1, name: key, value: "1", inputs: [key] };
          }),
        ),
      "one again and again": (scene, keys) =>
        scene.say(
          "ann",
          ...keys.map((): FromClient => {
            const inputs = keys.slice(-1);
            return { type: "publish", id: 1, name: "p", value: "1", inputs, override: true };
          }),
        ),
    },
  },
  published: {
    crowd: {
      "of many names": (scene, count) => {
        scene.submit("ann", range(count));
        for (const key of range(count)) {
          scene.say("ann", { type: "publish", id: 1, name: key, value: "1", inputs: [key] });
        }
        return () => {
          for (const name of range(count)) scene.say("bob", { type: "published", id: 1, name });
        };
      },
    },
  },
  unpublish: {
    crowd: {
      "of many names": (scene, count) => {
        scene.submit("ann", ["t-0"]);
        for (const name of range(count)) {
          scene.say("ann", { type: "publish", id: 1, name, value: "1", inputs: ["t-0"] });
        }
        return () => {
          for (const name of range(count)) scene.say("bob", { type: "unpublish", id: 1, name });
        };
      },
    },
  },
  scatter: {
    crowd: {
      "many small": (scene, count) => () => {
        for (const key of range(count)) {
          scene.say("ann", { type: "scatter", id: 1, key, bytes: 1, value: "1" });
        }
      },
      "many large": (scene, count) => {
        scene.joinWorker("w1");
        return () => {
          for (const key of range(count))
            scene.say("ann", { type: "scatter", id: 1, key, bytes: 9 });
        };
      },
      "many large, abandoned": (scene, count) => {
        scene.joinWorker("w1");
        for (const key of range(count)) scene.say("ann", { type: "scatter", id: 1, key, bytes: 9 });
        return () => {
          for (const key of range(count)) scene.say("ann", { type: "cancel", keys: [key] });
        };
      },
      "one to many workers": (scene, count) => {
        const names = workers(scene, count);
        return () =>
          scene.say("ann", {
            ...{ type: "scatter", id: 1, key: "s-1", bytes: 9 },
            ...{ workers: names, broadcast: true },
          });
      },
    },
  },
  retire: {
    crowd: {
      "many at once": (scene, count) => {
        const names = workers(scene, count);
        return () => scene.say("ann", { type: "retire", id: 1, workers: names });
      },
      "names that are not there": (scene, count) => {
        workers(scene, count);
        const names = range(count, "nobody");
        return () => scene.say("ann", { type: "retire", id: 1, workers: names });
      },
    },
  },
  restart: {
    graph: { one: (scene) => scene.say("ann", { type: "restart", id: 1 }) },
    crowd: {
      "of many workers": (scene, count) => {
        const ids = workers(scene, count);
        return () => {
          scene.say("ann", { type: "restart", id: 1 });
          for (const id of ids) scene.hear(id, { type: "restarted" });
        };
      },
    },
  },
  "expect-no-workers": {
    graph: { one: (scene) => scene.say("ann", { type: "expect-no-workers", id: 1, reason: "no" }) },
  },
  events: {
    crowd: {
      "of many keys": (scene, count) => {
        const keys = range(count);
        scene.say("ann", { type: "events", id: 1, of: keys });
        return () => scene.submit("ann", keys);
      },
    },
  },
  schedule: {
    crowd: {
      many: (scene, count) => () => schedules(scene, count),
      "many with cron": (scene, count) => () => schedules(scene, count, { cron: "* * * * *" }),
      "the same name": (scene, count) => () => {
        for (let each = 0; each < count; each++) schedules(scene, 1, { everyMs: 200 + each });
      },
      "of the same inputs": (scene, count) => {
        scene.submit("ann", ["t-0"]);
        return () => schedules(scene, count, { everyMs: 200, inputs: ["t-0"] });
      },
    },
  },
  unschedule: {
    crowd: {
      many: (scene, count) => {
        schedules(scene, count);
        return () => {
          for (const name of range(count, "s"))
            scene.say("ann", { type: "unschedule", id: 1, name });
        };
      },
      "many whose moment is not known": (scene, count) => {
        schedules(scene, count, { cron: "* * * * *" });
        return () => {
          for (const name of range(count, "s"))
            scene.say("ann", { type: "unschedule", id: 1, name });
        };
      },
    },
  },
  coordinate: {
    crowd: {
      "a lock, by many": (scene, count) => {
        const ids = clients(scene, count);
        const request = { kind: "lock", name: "l", op: "acquire" } as const;
        return () => {
          for (const id of ids) scene.say(id, coordinate(1, request));
          for (const id of ids) scene.say(id, { type: "give-back", ids: [1] });
        };
      },
      "an event, by many": (scene, count) => {
        const ids = clients(scene, count);
        for (const id of ids)
          scene.say(id, coordinate(1, { kind: "event", name: "e", op: "wait" }));
        return () => scene.say("ann", coordinate(2, { kind: "event", name: "e", op: "set" }));
      },
      "a variable, by many": (scene, count) => {
        scene.submit("ann", ["t-0"]);
        const ids = clients(scene, count);
        const of = { kind: "variable", name: "v" } as const;
        for (const id of ids) scene.say(id, coordinate(1, { ...of, op: "get" }));
        return () => {
          scene.say("ann", coordinate(2, { ...of, op: "set", value: "1", inputs: ["t-0"] }));
          for (const id of ids) scene.say(id, { type: "took", ids: [1] });
        };
      },
      "a queue that is emptied": (scene, count) => {
        scene.submit("ann", ["t-0"]);
        const of = { kind: "queue", name: "q" } as const;
        for (let id = 0; id < count; id++) {
          const inputs = ["t-0"];
          scene.say("ann", coordinate(id, { ...of, op: "put", value: "1", inputs }));
        }
        return () => scene.say("ann", coordinate(count, { ...of, op: "clear" }));
      },
      "many things": (scene, count) => () => {
        for (const name of range(count, "l")) {
          scene.say(
            "ann",
            coordinate(Number(parseInt(name.slice(2), 36)), { kind: "lock", name, op: "acquire" }),
          );
        }
      },
    },
  },
};

function repeated(prepare: Crowd, messageOf: (id: number) => FromClient): Crowd {
  return (scene, count) => {
    prepare(scene, count);
    return () => {
      for (let id = 0; id < count; id++) scene.say("ann", messageOf(id));
    };
  };
}

function schedules(scene: Scene, count: number, more: object = { everyMs: 200 }): void {
  for (const name of range(count, "s")) {
    const call = { function: "f", value: "[]", catchUp: "one", overlap: "skip" } as const;
    scene.say("ann", { type: "schedule", id: 1, name, ...call, ...more });
  }
}

/** One value that many workers hold. */
function heldByMany(scene: Scene, count: number): string[] {
  const ids = workers(scene, count);
  scene.joinWorker("w1");
  scene.submit("ann", ["v-1"], { options: { workers: ["w1"] } });
  scene.finishAll("w1", 10_000_000);
  const { order } = scene.state.tasks.get("v-1")!;
  const one = { keys: ["v-1"], orders: [order], attempts: [1], bytes: [10_000_000] };
  for (const id of ids) scene.hear(id, { type: "held", ...one });
  return ids;
}

// ── Workers ──────────────────────────────────────────────────────────────────────────────────────

type WorkerMessage = FromWorker["type"];

/** What the worker that runs them all says of what it was sent: in one message, and each in its own frame. */
function ofAttempts(
  messageOf: (attempts: { key: string; attempt: number }[]) => FromWorker,
): Record<string, OnGraph> {
  return {
    all: (scene) => {
      const sent = [...scene.sentTo("w1").values()];
      if (sent.length > 0) scene.hear("w1", messageOf(sent));
    },
    each: (scene) => {
      for (const each of [...scene.sentTo("w1").values()]) scene.hear("w1", messageOf([each]));
    },
  };
}

export const ofWorkers: { readonly [Type in WorkerMessage]: Deeds } = {
  finished: {
    graph: {
      ...ofAttempts((attempts) => finished(attempts)),
      "to the end": (scene) => scene.finishAll(),
      "to the end, held": (scene) => scene.finishAll("w1", 1_000),
      "after cancel": (scene, keys) => {
        scene.say("ann", { type: "cancel", keys });
        ofAttempts((attempts) => finished(attempts))["each"]!(scene, keys);
      },
    },
    crowd: {
      "by many workers": (scene, count) => {
        const ids = workers(scene, count);
        scene.submit("ann", range(2 * count));
        return () => {
          for (const id of ids) scene.finishAll(id);
        };
      },
      "of readers of what many hold": (scene, count) => {
        heldByMany(scene, count);
        const inputs = range(count).map(() => ["v-1"]);
        return () => {
          scene.submit("ann", range(count), { inputs });
          for (const id of scene.sent.keys()) scene.finishAll(id);
        };
      },
      "with many functions that have limits": (scene, count) => {
        const names = Array.from({ length: count }, (_, index) => `f${index}`);
        scene.joinWorker("w1", { slots: 4, functions: names });
        for (const name of names) {
          const options = { maxRunning: 1 };
          scene.submit("ann", [`${name}-1`, `${name}-2`], { name, options });
        }
        return () => scene.finishAll();
      },
      "beside many functions that have limits": (scene, count) => {
        const names = Array.from({ length: count }, (_, index) => `f${index}`);
        scene.joinWorker("w1", { slots: 2, functions: [...names, "g"] });
        scene.submit("bob", range(count), { name: "g" });
        for (const name of names) {
          scene.submit("ann", [`${name}-1`, `${name}-2`], { name, options: { maxRunning: 1 } });
        }
        return () => scene.finishAll();
      },
      "to let others go on": (scene, count) => {
        const options = { maxRunning: count };
        scene.joinWorker("w1", { slots: 65_536 });
        scene.submit("ann", range(count), { options });
        const waiting = [...scene.sentTo("w1").values()];
        scene.hear("w1", { type: "lent", ...columnsOf(waiting) });
        scene.submit("ann", range(count, "u"), { options });
        scene.hear("w1", { type: "resuming", ...columnsOf(waiting) });
        return () => {
          for (const { key } of waiting) scene.sentTo("w1").delete(key);
          for (const each of [...scene.sentTo("w1").values()]) scene.hear("w1", finished([each]));
        };
      },
      "by suspects": (scene, count) => {
        scene.joinWorker("w1", { slots: count });
        scene.joinWorker("w2", { slots: 2 });
        scene.submit("ann", range(count), { options: { maxWorkerLosses: 50 } });
        scene.handle({ type: "worker-lost", id: "w1", how: "killed" });
        return () => {
          for (let each = 0; each < count; each++) {
            const sent = scene.sentTo("w2");
            const [one] = sent.values();
            if (one === undefined) break;
            sent.delete(one.key);
            scene.hear("w2", finished([one]));
          }
        };
      },
    },
  },
  failed: {
    graph: {
      each: (scene) => {
        for (const { key, attempt } of [...scene.sentTo("w1").values()]) {
          scene.hear("w1", { type: "failed", key, attempt, failure });
        }
      },
      "with its thread": (scene) => {
        const sent = [...scene.sentTo("w1").values()];
        scene.hear(
          "w1",
          ...sent.map(({ key, attempt }) => {
            return { type: "failed", key, attempt, failure: lost, shared: true } as const;
          }),
        );
      },
    },
  },
  started: { graph: ofAttempts((attempts) => ({ type: "started", ...columnsOf(attempts) })) },
  withdrawn: { graph: ofAttempts((attempts) => ({ type: "withdrawn", ...columnsOf(attempts) })) },
  stopped: {
    graph: {
      ...ofAttempts((attempts) => ({ type: "stopped", ...columnsOf(attempts) })),
      "after cancel": (scene, keys) => {
        scene.say("ann", { type: "cancel", keys });
        ofAttempts((attempts) => ({ type: "stopped", ...columnsOf(attempts) }))["each"]!(
          scene,
          keys,
        );
      },
    },
  },
  progress: {
    graph: {
      each: (scene) => {
        for (const { key, attempt } of scene.sentTo("w1").values()) {
          scene.hear("w1", { type: "progress", key, attempt, fraction: 0.5 });
        }
      },
    },
  },
  output: {
    graph: {
      each: (scene) => {
        for (const { key, attempt } of scene.sentTo("w1").values()) {
          scene.hear("w1", { type: "output", key, attempt, value: "1" });
        }
      },
    },
  },
  restarted: { graph: { one: (scene) => scene.hear("w1", { type: "restarted" }) } },
  lent: { graph: ofAttempts((attempts) => ({ type: "lent", ...columnsOf(attempts) })) },
  resuming: {
    graph: {
      all: (scene) => {
        const sent = columnsOf([...scene.sentTo("w1").values()]);
        if (sent.keys.length === 0) return;
        scene.hear("w1", { type: "lent", ...sent });
        scene.hear("w1", { type: "resuming", ...sent });
      },
      each: (scene) => {
        for (const each of [...scene.sentTo("w1").values()]) {
          scene.hear("w1", { type: "lent", ...columnsOf([each]) });
        }
        for (const each of [...scene.sentTo("w1").values()]) {
          scene.hear("w1", { type: "resuming", ...columnsOf([each]) });
        }
      },
    },
  },
  sub: {
    graph: {
      "a task of each": (scene) => {
        for (const { key, attempt } of [...scene.sentTo("w1").values()]) {
          const message = submission([`sub-${key}`]);
          scene.hear("w1", { type: "sub", key, attempt, message });
        }
      },
      "many of one": (scene, keys) => {
        const [one] = [...scene.sentTo("w1").values()];
        if (one === undefined) return;
        const about = { type: "sub", ...one } as const;
        scene.hear("w1", { ...about, message: submission(range(keys.length, "sub")) });
        scene.sentTo("w1").delete(one.key);
        scene.hear("w1", finished([one]));
      },
      "of each other": (scene, keys) => {
        let [one] = [...scene.sentTo("w1").values()];
        for (const key of range(keys.length, "sub")) {
          if (one === undefined) return;
          scene.hear("w1", { type: "sub", ...one, message: submission([key]) });
          one = scene.sentTo("w1").get(key);
        }
      },
    },
  },
  held: {
    graph: {
      all: (scene, keys) => {
        const tasks = keys.flatMap((key) => scene.state.tasks.get(key) ?? []);
        if (tasks.length === 0 || !scene.state.workers.has("w2")) return;
        scene.hear("w2", {
          type: "held",
          keys: tasks.map(({ key }) => key),
          orders: tasks.map(({ order }) => order),
          attempts: tasks.map(() => 1),
          bytes: tasks.map(() => 1_000),
        });
      },
    },
    crowd: {
      "of many scatters": (scene, count) => {
        scene.joinWorker("w1");
        for (const key of range(count)) scene.say("ann", { type: "scatter", id: 1, key, bytes: 9 });
        return () => {
          for (const key of range(count)) {
            const { order } = scene.state.tasks.get(key)!;
            const one = { keys: [key], orders: [order], attempts: [1], bytes: [9] };
            scene.hear("w1", { type: "held", ...one });
          }
        };
      },
      "of one, by many workers": (scene, count) => () => void heldByMany(scene, count),
      "that a leaving worker hands over": (scene, count) => {
        scene.joinWorker("w1", { slots: 65_536 });
        scene.submit("ann", range(count));
        scene.finishAll("w1", 1_000);
        scene.joinWorker("w2");
        return () => {
          scene.say("ann", { type: "retire", id: 1, workers: ["w1"] });
          scene.hear("w1", { type: "leaving" });
          for (const key of range(count)) {
            const { order } = scene.state.tasks.get(key)!;
            const one = { keys: [key], orders: [order], attempts: [1], bytes: [1_000] };
            scene.hear("w2", { type: "held", ...one });
          }
        };
      },
    },
  },
  missing: {
    graph: {
      each: (scene) => {
        for (const { key, attempt } of [...scene.sentTo("w1").values()]) {
          const [input] = scene.state.tasks.get(key)?.inputs ?? [];
          if (input === undefined) continue;
          scene.hear("w1", {
            ...{ type: "missing", call: { key, attempt }, key: input.key, order: input.order },
            ...{ attempt: input.attempt, lacking: [], why: "no" },
          });
        }
      },
      "a replica of each": (scene, keys) => {
        for (const key of keys) {
          const task = scene.state.tasks.get(key);
          if (task === undefined || !scene.state.workers.has("w2")) continue;
          const { order, attempt } = task;
          if (attempt === 0) continue;
          const lacking = ["ws://w1"];
          scene.hear("w2", { type: "missing", key, order, attempt, lacking, why: "no" });
        }
      },
    },
  },
  paused: {
    graph: {
      often: (scene, keys) => {
        if (!scene.state.workers.has("w1")) return;
        keys.forEach(() => scene.hear("w1", { type: "paused", reason: "full" }));
      },
    },
  },
  resumed: {
    graph: {
      often: (scene, keys) => {
        if (!scene.state.workers.has("w1")) return;
        for (const _ of keys) {
          scene.hear("w1", { type: "paused", reason: "full" });
          scene.hear("w1", { type: "resumed" });
        }
      },
    },
  },
  leaving: {
    graph: {
      one: (scene) => {
        if (scene.state.workers.has("w1")) scene.hear("w1", { type: "leaving" });
      },
    },
    crowd: {
      "many workers": (scene, count) => {
        const ids = workers(scene, count);
        return () => {
          for (const id of ids) scene.hear(id, { type: "leaving" });
          for (const id of ids) scene.handle({ type: "worker-lost", id, how: "it left" });
        };
      },
    },
  },
};

// ── Events ───────────────────────────────────────────────────────────────────────────────────────

export const ofEvents: { readonly [Type in Event["type"]]: Deeds } = {
  "client-joins": { crowd: { many: (scene, count) => () => void clients(scene, count) } },
  "client-messages": {},
  "client-refused": {
    graph: {
      all: (scene, keys) =>
        scene.handle({
          ...{ type: "client-refused", from: "ann", why: "full" },
          messages: keys.map((key) => ({ type: "refused", keys: [`r-${key}`] })),
        }),
      "what it cancels": (scene, keys) =>
        scene.handle({
          ...{ type: "client-refused", from: "ann", why: "full" },
          messages: keys.map((key) => ({ type: "cancel", keys: [key] })),
        }),
    },
  },
  "client-away": {
    crowd: {
      many: (scene, count) => {
        const ids = clients(scene, count);
        return () => {
          for (const id of ids) scene.handle({ type: "client-away", id });
        };
      },
    },
  },
  "client-back": {
    crowd: {
      often: (scene, count) => () => {
        for (let each = 0; each < count; each++) {
          scene.handle({ type: "client-away", id: "ann" });
          scene.handle({ type: "client-back", id: "ann" });
        }
      },
    },
  },
  "client-leaves": {
    graph: { one: (scene) => scene.handle({ type: "client-leaves", id: "ann" }) },
    crowd: {
      "many with a task each": (scene, count) => {
        const ids = clients(scene, count);
        taskOfEach(scene, ids);
        return () => {
          for (const id of ids) scene.handle({ type: "client-leaves", id });
        };
      },
      "many that want one": (scene, count) => {
        scene.submit("ann", range(count));
        const ids = clients(scene, count);
        for (const id of ids) scene.say(id, { type: "want", id: 1, keys: ["t-0"] });
        return () => {
          for (const id of ids) scene.handle({ type: "client-leaves", id });
        };
      },
      "many that wait for a lock": (scene, count) => {
        const ids = clients(scene, count);
        const request = { kind: "lock", name: "l", op: "acquire" } as const;
        for (const id of ids) scene.say(id, coordinate(1, request));
        return () => {
          for (const id of ids) scene.handle({ type: "client-leaves", id });
        };
      },
    },
  },
  "worker-joins": {
    graph: { one: (scene) => scene.joinWorker("w3", big) },
    crowd: {
      many: (scene, count) => () => void workers(scene, count),
      "many, for tasks of their own": (scene, count) => {
        for (const name of range(count, "worker")) {
          scene.submit("ann", [`${name}-1`], { options: { workers: [name] } });
        }
        return () => void workers(scene, count);
      },
      "many, while many clients wait": (scene, count) => {
        taskOfEach(scene, clients(scene, count));
        return () => void workers(scene, count);
      },
    },
  },
  "worker-messages": {},
  "worker-away": {
    graph: {
      one: (scene) => scene.handle({ type: "worker-away", id: "w1" }),
    },
    crowd: {
      many: (scene, count) => {
        const ids = workers(scene, count);
        return () => {
          for (const id of ids) scene.handle({ type: "worker-away", id });
        };
      },
    },
  },
  "worker-back": {
    graph: {
      one: (scene) => {
        scene.handle({ type: "worker-away", id: "w1" });
        scene.handle({ type: "worker-back", id: "w1" });
      },
    },
  },
  "worker-lost": {
    graph: {
      one: (scene) => scene.handle({ type: "worker-lost", id: "w1", how: "killed" }),
      "again and again": (scene) => {
        for (let each = 0; each < 3; each++) {
          scene.handle({ type: "worker-lost", id: "w1", how: "killed" });
          scene.sentTo("w1").clear();
          scene.joinWorker("w1", big);
        }
      },
    },
    crowd: {
      "many with a task each": (scene, count) => {
        const ids = workers(scene, count);
        scene.submit("ann", range(count));
        return () => {
          for (const id of ids) scene.handle({ type: "worker-lost", id, how: "killed" });
        };
      },
      "many that hold one": (scene, count) => {
        const ids = heldByMany(scene, count);
        return () => {
          for (const id of ids) scene.handle({ type: "worker-lost", id, how: "killed" });
        };
      },
      "many that were to hold one": (scene, count) => {
        const ids = workers(scene, count);
        const key = "s-1";
        scene.say("ann", { type: "scatter", id: 1, key, bytes: 9, broadcast: true });
        const { order } = scene.state.tasks.get(key)!;
        const one = { keys: [key], orders: [order], attempts: [1], bytes: [9] };
        scene.hear(ids[0]!, { type: "held", ...one });
        return () => {
          for (const id of ids.slice(1)) scene.handle({ type: "worker-lost", id, how: "killed" });
        };
      },
    },
  },
  "worker-ended": {
    crowd: {
      many: (scene, count) => {
        const ids = workers(scene, count);
        return () => {
          for (const name of ids) {
            scene.handle({ type: "worker-ended", name, host: "h", pid: 1, how: "killed" });
          }
        };
      },
    },
  },
  "step-ended": {
    crowd: {
      "of many workers": (scene, count) => {
        const job = { system: "slurm", id: "7", step: "0" };
        for (const id of workers(scene, count, { job })) scene.handle({ type: "worker-away", id });
        return () => scene.handle({ type: "step-ended", step: job });
      },
    },
  },
  "no-worker-coming": {
    graph: { one: (scene) => scene.handle({ type: "no-worker-coming", why: "no" }) },
  },
  "time-limit": {
    graph: { one: (scene) => scene.handle({ type: "time-limit", limit: "a day", leftMs: 1 }) },
  },
  "holder-lacks": {
    graph: {
      each: (scene, keys) => {
        for (const key of keys) {
          const task = scene.state.tasks.get(key);
          if (task === undefined) continue;
          const { order, attempt } = task;
          scene.handle({ type: "holder-lacks", worker: "w1", key, order, attempt });
        }
      },
    },
  },
  moments: {
    crowd: {
      "of many": (scene, count) => {
        schedules(scene, count, { cron: "* * * * *" });
        const numbers = [...scene.state.schedules.crons.keys()];
        const first = numbers.map((schedule) => ({ schedule, due: [], next: 5_000 }));
        scene.handle({ type: "moments", at: 1_000, of: first });
        return () => {
          const of = numbers.map((schedule) => ({ schedule, due: [5_000], next: 9_000 }));
          scene.now = 5_000;
          scene.handle({ type: "moments", at: 5_000, of });
        };
      },
    },
  },
  memory: {
    graph: {
      "exhausted, and not": (scene, keys) => {
        for (const _ of keys) {
          scene.handle({ type: "memory", isExhausted: true });
          scene.handle({ type: "memory", isExhausted: false });
        }
      },
    },
  },
  "wall-clock": {
    crowd: {
      "set forward": (scene, count) => {
        scene.submit("ann", range(count), { options: { startAt: 100_000 } });
        return () => scene.handle({ type: "wall-clock", at: 200_000 });
      },
      "set again and again": (scene, count) => {
        scene.submit("ann", range(count), { options: { startAt: 100_000 } });
        return () => {
          for (let at = 0; at < count; at++) scene.handle({ type: "wall-clock", at });
        };
      },
    },
  },
  clock: {},
};

/** What comes due. Each kind of timer is there when time passes in one of these. */
export const ofClock: { readonly [Kind in Due["kind"]]: Deeds } = {
  start: {
    crowd: {
      many: (scene, count) => {
        scene.submit("ann", range(count), { options: { delayMs: 100 } });
        return () => scene.pass(200);
      },
    },
  },
  "start-at": {
    crowd: {
      many: (scene, count) => {
        scene.submit("ann", range(count), { options: { startAt: 1_100 } });
        return () => scene.pass(200);
      },
    },
  },
  expiry: {
    graph: { many: (scene) => scene.pass(60_000) },
    crowd: {
      many: (scene, count) => {
        scene.submit("ann", range(count), { options: { expiresMs: 100 } });
        return () => scene.pass(200);
      },
    },
  },
  "keep-over": { graph: { many: (scene) => scene.pass(5_500) } },
  "worker-grace": {
    crowd: {
      many: (scene, count) => {
        for (const id of workers(scene, count)) scene.handle({ type: "worker-away", id });
        return () => scene.pass(30_000);
      },
    },
  },
  "client-grace": {
    crowd: {
      many: (scene, count) => {
        const ids = clients(scene, count);
        taskOfEach(scene, ids);
        for (const id of ids) scene.handle({ type: "client-away", id });
        return () => scene.pass(30_000);
      },
    },
  },
  rebalance: { graph: { many: (scene) => scene.pass(100) } },
  reservation: { graph: { many: (scene) => scene.pass(2_000) } },
  unschedulable: {
    graph: {
      "at once": (scene) => scene.pass(5_000),
      "one after another": (scene, keys) => {
        scene.pass(2_000);
        keys.forEach(() => scene.pass(1));
      },
    },
    crowd: {
      "each with options of its own": (scene, count) => {
        scene.joinWorker("w1", { functions: ["g"] });
        scene.joinWorker("w0", { slots: 1 });
        const messages = range(count).map((key, index) =>
          submission([key], {
            options: { unschedulableTimeoutMs: 1_000 + index, resources: { none: 1 } },
          }),
        );
        scene.say("ann", ...messages);
        return () => scene.pass(1_000 + count);
      },
      "each with resources of its own": (scene, count) => {
        scene.joinWorker("w0", { slots: 1 });
        const messages = range(count).map((key, index) =>
          submission([key], {
            options: { unschedulableTimeoutMs: 1_000, resources: { none: 1 + index } },
          }),
        );
        scene.say("ann", ...messages);
        return () => scene.pass(1_001);
      },
    },
  },
  "no-workers": { graph: { many: (scene) => scene.pass(60_000) } },
  "unknown-function": {
    crowd: {
      "of many clients": (scene, count) => {
        scene.joinWorker("w1", { functions: ["g"] });
        taskOfEach(scene, clients(scene, count));
        return () => scene.pass(3_500);
      },
      "of many names": (scene, count) => {
        scene.joinWorker("w1", { functions: ["g"] });
        for (const name of range(count)) scene.submit("ann", [name], { name });
        return () => scene.pass(3_500);
      },
      "with resources of their own": (scene, count) => {
        scene.joinWorker("w1", { functions: ["g"], resources: { gpu: 1 } });
        const ids = clients(scene, count);
        ids.forEach((id, index) => {
          scene.submit(id, [`${id}-1`], { options: { resources: { gpu: 1 + index / 1e6 } } });
        });
        return () => scene.pass(3_500);
      },
    },
  },
  schedule: {
    crowd: {
      many: (scene, count) => {
        schedules(scene, count);
        return () => scene.pass(200);
      },
    },
  },
  rate: {
    crowd: {
      "many under one": (scene, count) => {
        scene.joinWorker("w1", big);
        const options = { rateLimit: { count, perMs: 100 }, limitName: "api" };
        scene.submit("ann", range(count), { options });
        scene.finishAll();
        scene.submit("ann", range(count, "u"), { options });
        return () => {
          scene.pass(101);
          scene.finishAll();
        };
      },
      "many of their own": (scene, count) => {
        scene.joinWorker("w1", big);
        const messages = range(count).map((key, index) =>
          submission([key, `u${key}`], {
            options: { rateLimit: { count: 1, perMs: 100 }, limitName: `n${index}` },
          }),
        );
        scene.say("ann", ...messages);
        scene.finishAll();
        return () => {
          scene.pass(101);
          scene.finishAll();
        };
      },
    },
  },
};

/** All of them, by who does them. */
export const tables: Readonly<Record<string, Readonly<Record<string, Deeds>>>> = {
  "a client says": ofClients,
  "a worker says": ofWorkers,
  "it happens": ofEvents,
  "it is time": ofClock,
};
