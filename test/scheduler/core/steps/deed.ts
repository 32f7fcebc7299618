// What a deed is, and the parts that deeds are made of.

import type { FromClient, RequestMessage } from "../../../../src/wire/protocol.ts";
import { range, type Scene } from "./scene.ts";

/** Done to a graph of tasks, which `ann` submitted. */
export type OnGraph = (scene: Scene, keys: string[]) => void;
/** Brings so many of something together, and returns what is done then. */
export type Crowd = (scene: Scene, count: number) => () => void;
export type Deeds = {
  readonly graph?: Record<string, OnGraph>;
  readonly crowd?: Record<string, Crowd>;
};

export const failure = { code: "task-failed", message: "it threw" };
export const lost = { code: "thread-lost", message: "it exited" };

/** One message with all keys; one with each, in one frame; and each in its own frame. */
export function withKeys(
  ...messagesOf: ((keys: string[]) => FromClient)[]
): Record<string, OnGraph> {
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

export const withTasks: Crowd = (scene, count) => {
  scene.submit("ann", range(count));
  return () => undefined;
};

/** `count` clients with a task each, for a worker that they share with others. */
export function clients(scene: Scene, count: number): string[] {
  const ids = range(count, "client");
  for (const id of ids) scene.joinClient(id);
  return ids;
}

export function workers(scene: Scene, count: number, facts = {}): string[] {
  const ids = range(count, "worker");
  for (const id of ids) scene.joinWorker(id, facts);
  return ids;
}

/** Each client's own task, and a function that says which key it has. */
export function taskOfEach(scene: Scene, ids: string[], more = {}): (id: string) => string {
  for (const id of ids) scene.submit(id, [`${id}-1`], more);
  return (id) => `${id}-1`;
}

export const coordinate = (
  id: number,
  more: Omit<Extract<RequestMessage, { type: "coordinate" }>, "type" | "id">,
) => ({ type: "coordinate", id, ...more }) as const;

export function repeated(prepare: Crowd, messageOf: (id: number) => FromClient): Crowd {
  return (scene, count) => {
    prepare(scene, count);
    return () => {
      for (let id = 0; id < count; id++) scene.say("ann", messageOf(id));
    };
  };
}

export function schedules(scene: Scene, count: number, more: object = { everyMs: 200 }): void {
  for (const name of range(count, "s")) {
    const call = { function: "f", value: "[]", catchUp: "one", overlap: "skip" } as const;
    scene.say("ann", { type: "schedule", id: 1, name, ...call, ...more });
  }
}

/** One value that many workers hold. */
export function heldByMany(scene: Scene, count: number): string[] {
  const ids = workers(scene, count);
  scene.joinWorker("w1");
  scene.submit("ann", ["v-1"], { options: { workers: ["w1"] } });
  scene.finishAll("w1", 10_000_000);
  const { order } = scene.state.tasks.get("v-1")!;
  const one = { keys: ["v-1"], orders: [order], attempts: [1], bytes: [10_000_000] };
  for (const id of ids) scene.hear(id, { type: "held", ...one });
  return ids;
}
