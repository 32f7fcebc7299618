// The words about results: where they are, who fetches, copies and frees them. Part of the unions in
// `protocol.ts`.

import { Type, type Static } from "typebox";
import { Attempt, Count, Key, PayloadSchema, Text, column, keysOf } from "./parts.ts";
import type { Payload } from "../payload/payload.ts";
import { limits } from "./limits.ts";

/** The size of a value, in place of the value: it is large, and stays with the worker that made it. */
export const StoredAtWorkerSchema = Type.Object(
  { bytes: Count },
  // Else one with a `head` of any kind would pass for a payload.
  { additionalProperties: false },
);
export type StoredAtWorker = Static<typeof StoredAtWorkerSchema>;

/** Of calls that returned: the values, or their sizes when they stay; one text when all are short. */
export const ValueColumn = Type.Unsafe<(Payload | StoredAtWorker)[]>(
  Type.Union([column(Type.Union([PayloadSchema, StoredAtWorkerSchema])), Type.String()]),
);

/**
 * An input that its reader fetches from whoever has it. Which result is meant is said by the task's
 * place in the order of submission, for a key may be used again, and by the attempt that made it.
 */
export const ReferenceSchema = Type.Object({
  key: Key,
  order: Count,
  attempt: Attempt,
  bytes: Count,
  /** Places in the message's `peers`; none: only the scheduler has it. */
  from: Type.Array(Count, { maxItems: limits.holders }),
  /** The reader is one of its holders. */
  here: Type.Optional(Type.Boolean()),
});
export type Reference = Static<typeof ReferenceSchema>;
export const Address = Type.String({ maxLength: limits.addressLength });
/** Where holders serve what they have. */
export const PeersSchema = Type.Optional(Type.Array(Address, { maxItems: limits.columnLength }));

// ── Scheduler → client ───────────────────────────────────────────────────────────────────────────

/** To every client that wants them: their values are gone and being made again. */
export const Lost = keysOf("lost");
/** To one client, in answer to `fetch`: where the value is; see `Reference`. */
export const Located = Type.Object({
  type: Type.Literal("located"),
  key: Key,
  order: Count,
  attempt: Attempt,
  bytes: Count,
  from: Type.Array(Address, { maxItems: limits.holders }),
});

// ── Scheduler → worker ───────────────────────────────────────────────────────────────────────────

/** To a worker: nobody needs these results any more. */
export const Free = Type.Object({
  type: Type.Literal("free"),
  keys: column(Key),
  orders: column(Count),
  attempts: column(Attempt),
});
/** To a worker: fetch a copy of each of these and say `held`, or `missing` when it is not to be had. */
export const Copy = Type.Object({
  type: Type.Literal("copy"),
  references: Type.Array(ReferenceSchema, { minItems: 1, maxItems: limits.columnLength }),
  peers: PeersSchema,
});
/** To a worker: from now on results larger than this stay with it. */
export const Keep = Type.Object({ type: Type.Literal("keep"), aboveBytes: Count });
/** To a worker: leave, as if it had been asked to end where it runs. */
export const RetireByScheduler = Type.Object({
  type: Type.Literal("retire"),
  reason: Type.Optional(Text),
});
/** To a worker that is leaving: nothing that it holds is needed any more. */
export const Farewell = Type.Object({ type: Type.Literal("farewell") });

// ── Worker → scheduler ───────────────────────────────────────────────────────────────────────────

/** From a worker: it has copies of these results now. */
export const HeldByWorker = Type.Object({
  type: Type.Literal("held"),
  keys: column(Key),
  orders: column(Count),
  attempts: column(Attempt),
  bytes: column(Count),
});
/** From a worker: a result that it was to fetch is not to be had. */
export const Missing = Type.Object({
  type: Type.Literal("missing"),
  /** The call that needs it, given back by this; none when it was to be copied. */
  call: Type.Optional(Type.Object({ key: Key, attempt: Attempt })),
  key: Key,
  order: Count,
  attempt: Attempt,
  /** The addresses of those that answered that they do not have it. */
  lacking: Type.Array(Address, { maxItems: limits.holders }),
  why: Text,
});
/** From a worker: its memory is full, so it takes no new tasks. */
export const Paused = Type.Object({ type: Type.Literal("paused"), reason: Text });
/** From a worker: it takes tasks again. */
export const Resumed = Type.Object({ type: Type.Literal("resumed") });
