// Deeds of workers, of each of their messages: of one that runs a whole graph, and of many.

import type { FromWorker, TaskOptions } from "../../../../src/wire/protocol.ts";
import { workers, heldByMany, failure, lost } from "./deed.ts";
import type { Crowd, Deeds, OnGraph } from "./deed.ts";
import { big, columnsOf, finished, range, submission } from "./scene.ts";

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

/**
 * A worker with few slots ends the tasks of many functions, or of one with options of many kinds, while others that
 * lack these functions are idle.
 */
function ofManyFunctions(
  optionsOf: (index: number) => TaskOptions,
  nameOf = (index: number) => `f${index}`,
): Crowd {
  return (scene, count) => {
    // So many that the logarithms of the heaps count for little.
    const names = Array.from({ length: 4 * count }, (_, index) => nameOf(index));
    scene.joinWorker("w1", { ...big, slots: 4, functions: [...new Set(names)] });
    scene.joinWorker("w2", { slots: 4, functions: ["g"] });
    names.forEach((name, index) => {
      const keys = [`${index}-1`, `${index}-2`];
      scene.submit("ann", keys, { name, options: optionsOf(index) });
    });
    return () => {
      for (let sent = [...scene.sentTo("w1").values()]; sent.length > 0;) {
        for (const each of sent) {
          scene.sentTo("w1").delete(each.key);
          scene.hear("w1", finished([each]));
        }
        sent = [...scene.sentTo("w1").values()];
      }
    };
  };
}

/** The places of the ones of a number in base two: another set for each. */
function bitsOf(number: number): number[] {
  return Array.from({ length: 10 }, (_, bit) => bit).filter((bit) => (number >> bit) & 1);
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
      "with many functions": ofManyFunctions(() => ({})),
      "with many functions that have limits": ofManyFunctions(() => ({ maxRunning: 1 })),
      "with many functions that have rates": ofManyFunctions(() => ({
        rateLimit: { count: 9, perMs: 1_000 },
      })),
      "with many functions that share a limit": ofManyFunctions(() => ({
        ...{ maxRunning: 2, limitName: "api" },
      })),
      "with many functions that need a resource": ofManyFunctions(() => ({
        resources: { gpu: 1 },
      })),
      "with many limits of one function": ofManyFunctions(
        (index) => ({ maxRunning: 1, limitName: `n${index}` }),
        () => "f",
      ),
      "with many sets of tags": ofManyFunctions(
        (index) => ({ tags: bitsOf(index).map((bit) => `tag${bit}`) }),
        () => "f",
      ),
      "for workers of their own": (scene, count) => {
        const ids = workers(scene, count);
        for (const id of ids) {
          scene.submit("ann", [`${id}-1`, `${id}-2`, `${id}-3`], { options: { workers: [id] } });
        }
        return () => {
          for (const id of ids) scene.finishAll(id);
        };
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
