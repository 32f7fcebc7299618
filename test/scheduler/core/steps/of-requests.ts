// Deeds of clients by requests.

import type { FromClient } from "../../../../src/wire/protocol.ts";
import type { RequestName } from "../../../../src/wire/requests.ts";
import {
  coordinate,
  withKeys,
  withTasks,
  clients,
  workers,
  repeated,
  schedules,
  heldByMany,
  type Deeds,
} from "./deed.ts";
import { range } from "./scene.ts";

export const ofRequests: { readonly [Name in RequestName]: Deeds } = {
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
