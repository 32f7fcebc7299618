// The words for locks, semaphores, events, queues and variables: one request, its result, and what a
// client says of an answer that it got.

import { Type, type Static } from "typebox";
import { limits } from "./limits.ts";
import { column, Count, Key, Name, PayloadSchema } from "./parts.ts";

/** The parameters of `coordinate`: an operation on something that clients share by its name. */
export const Coordinate = {
  kind: Type.Enum(["lock", "semaphore", "event", "queue", "variable"]),
  name: Name,
  op: Type.Enum(["acquire", "set", "clear", "wait", "put", "get", "look"]),
  /** A semaphore's n or a queue's maxSize. */
  limit: Type.Optional(Count),
  /** Leases, or most items, wanted. Default 1. */
  count: Type.Optional(Count),
  /** The value to put or set, with the keys of the futures it refers to by position. */
  value: Type.Optional(PayloadSchema),
  inputs: Type.Optional(Type.Array(Key, { maxItems: limits.inputs })),
  /** Answer `withdrawn` instead of waiting. */
  wait: Type.Optional(Type.Literal(false)),
};

/** The result of `coordinate`: the operation is done, or was withdrawn. */
export const Coordinated = Type.Object({
  /** Free leases, items, 1 for an event that is set; items that were cleared. */
  number: Type.Optional(Count),
  items: Type.Optional(Type.Array(PayloadSchema)),
  /** For each item the keys of the futures in it; they are kept until the client says `took`. */
  inputs: Type.Optional(Type.Array(Type.Array(Key))),
  /** The operation could not be done at once, or was given back while it waited. */
  withdrawn: Type.Optional(Type.Boolean()),
});
export type Coordinated = Static<typeof Coordinated>;

/** From a client: the answers to these requests have come, and it holds the futures in them. */
export const Took = Type.Object({ type: Type.Literal("took"), ids: column(Count) });
/**
 * From a client: undo these requests. Those that wait are answered `withdrawn`, what they hold is free,
 * items they got and did not take go back to the head of their queue.
 */
export const GiveBack = Type.Object({ type: Type.Literal("give-back"), ids: column(Count) });
