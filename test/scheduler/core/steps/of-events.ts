// What happens otherwise: events of the shell, and what comes due.

import type { Event } from "../../../../scheduler/core/step.ts";
import type { Due } from "../../../../scheduler/core/timers.ts";
import {
  coordinate,
  clients,
  workers,
  taskOfEach,
  schedules,
  heldByMany,
  type Deeds,
} from "./deed.ts";
import { big, range, submission } from "./scene.ts";

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
