// The words for locks, semaphores, events, queues and variables: one request, its answer, and what a
// client says of an answer that it got.

import { Type } from "typebox";
import { limits } from "./limits.ts";
import { column, Count, FailureSchema, Key, Name, PayloadSchema } from "./parts.ts";

/**
 * From a client: something to be done with a named lock, semaphore, event, queue or variable, answered
 * by a `coordinated` of the same id when it has been. `limit` is a semaphore's n or a queue's maxSize.
 */
export const Coordinate = Type.Object({
  type: Type.Literal("coordinate"),
  id: Count,
  kind: Type.Union([
    Type.Literal("lock"),
    Type.Literal("semaphore"),
    Type.Literal("event"),
    Type.Literal("queue"),
    Type.Literal("variable"),
  ]),
  name: Name,
  op: Type.Union([
    Type.Literal("acquire"),
    Type.Literal("set"),
    Type.Literal("clear"),
    Type.Literal("wait"),
    Type.Literal("put"),
    Type.Literal("get"),
    Type.Literal("look"),
  ]),
  limit: Type.Optional(Count),
  /** Leases, or most items, wanted. Default 1. */
  count: Type.Optional(Count),
  /** To be put or set, with the keys of the futures it refers to by position. */
  value: Type.Optional(PayloadSchema),
  inputs: Type.Optional(Type.Array(Key, { maxItems: limits.inputs })),
  /** Answer `withdrawn` instead of waiting. */
  wait: Type.Optional(Type.Literal(false)),
});
/** From a client: the answers to these requests have come, and it holds the futures in them. */
export const Took = Type.Object({ type: Type.Literal("took"), ids: column(Count) });
/**
 * From a client: undo these requests. Those that wait are answered `withdrawn`, what they hold is free,
 * items they got and did not take go back to the head of their queue.
 */
export const GiveBack = Type.Object({ type: Type.Literal("give-back"), ids: column(Count) });

/** To one client, in answer to `coordinate`: it is done, or why it is not. */
export const Coordinated = Type.Object({
  type: Type.Literal("coordinated"),
  id: Count,
  /** What was looked at: free leases, items, 1 for an event that is set; items that were cleared. */
  number: Type.Optional(Count),
  items: Type.Optional(Type.Array(PayloadSchema)),
  /** For each item the keys of the futures in it; they are kept until it says `took`. */
  inputs: Type.Optional(Type.Array(Type.Array(Key))),
  /** It could not be done at once, or was given back while it waited. */
  withdrawn: Type.Optional(Type.Boolean()),
  failure: Type.Optional(FailureSchema),
});
/** To one client, in answer to `ask`: facts as plain JSON, or why there are none. */
