// Requests to locks, queues and variables among all else that happens to a scheduler, with futures in
// what is put and set.

import fc from "fast-check";
import type { FakeClient, World } from "../world.ts";
import type { Coordinate } from "./asking.ts";

const requests: Omit<Coordinate, "type" | "id">[] = [
  { kind: "lock", name: "l", op: "acquire" },
  { kind: "semaphore", name: "s", op: "acquire", limit: 2, count: 2 },
  { kind: "event", name: "e", op: "wait" },
  { kind: "event", name: "e", op: "set" },
  { kind: "queue", name: "q", op: "put", limit: 2, value: "~" },
  { kind: "queue", name: "q", op: "put", value: "~" },
  { kind: "queue", name: "q", op: "get", count: 2 },
  { kind: "variable", name: "v", op: "set", value: "~" },
  { kind: "variable", name: "v", op: "get" },
  { kind: "variable", name: "v", op: "clear" },
];

export const coordinationRequests = fc.constantFrom(...requests);

export function coordinate(
  world: World,
  by: FakeClient,
  { request, keys }: { request: (typeof requests)[number]; keys: string[] },
): void {
  const id = world.minted++;
  const inputs = request.value === undefined ? {} : { inputs: keys };
  world.say(by.id, { type: "coordinate", id, ...request, ...inputs });
}

/** Takes back whatever was asked for, received or not. */
export function giveBack(world: World, by: FakeClient, places: readonly number[]): void {
  const ids = [...(world.involvementOf(by)?.claims.keys() ?? [])];
  const chosen = ids.filter((_, index) => places.some((place) => place % ids.length === index));
  if (chosen.length > 0) world.say(by.id, { type: "give-back", ids: chosen });
}

/** Takes out all that outlives clients. */
export function clearAll(world: World, by: string): void {
  const clear = { type: "coordinate", op: "clear" } as const;
  // Whoever waits to put something does so as soon as there is room.
  for (let id = 0; world.state.coordination.bytes > 0; id += 3) {
    world.say(
      by,
      { ...clear, id, kind: "queue", name: "q" },
      { ...clear, id: id + 1, kind: "variable", name: "v" },
      { ...clear, id: id + 2, kind: "event", name: "e" },
    );
  }
}
