// Deeds of clients by messages without an answer.

import type { FromClient } from "../../../../src/wire/protocol.ts";
import type { RequestName } from "../../../../src/wire/requests.ts";
import { coordinate, withKeys, clients, taskOfEach, heldByMany, type Deeds } from "./deed.ts";
import { finished, range, submission } from "./scene.ts";

type Message = Exclude<FromClient["type"], RequestName>;

export const ofMessages: { readonly [Type in Message]: Deeds } = {
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
      "one with many inputs, again with few": (scene, count) => {
        scene.submit("ann", range(count));
        scene.submit("ann", ["one"], { inputs: [range(count)] });
        const again = range(count).map(() => "one");
        return () => scene.submit("bob", again, { inputs: again.map(() => ["t-0"]) });
      },
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
};
