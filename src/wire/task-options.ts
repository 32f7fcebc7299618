// The options of a task, as they cross the wire. An option is one entry here: in `RunOptionsSchema`
// when the worker acts on it, in `TaskOptionsSchema` when the scheduler does. The scheduler passes the
// first kind on unread, so that a new one reaches the worker without a line of the core.

import { Type, type Static } from "typebox";
import { limits } from "./limits.ts";
import { Count, Milliseconds, Name } from "./parts.ts";

const RetriesSchema = Type.Object({
  max: Count,
  delayMs: Type.Optional(Milliseconds),
  factor: Type.Optional(Type.Number({ minimum: 1, maximum: 1000 })),
  maxDelayMs: Type.Optional(Milliseconds),
  jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
});
export type Retries = Static<typeof RetriesSchema>;

export type Resources = Record<string, number>;
export const ResourcesSchema = Type.Unsafe<Resources>(
  Type.Record(
    // Any text, line ends too: a name that does not match the pattern of a record is not checked. But
    // for one that would set the prototype of an object.
    Type.String({ pattern: `^(?!__proto__$)[^]{1,${limits.nameLength}}$` }),
    Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    { additionalProperties: false },
  ),
);

/** Options that the worker acts on while it runs the task. */
export const RunOptionsSchema = Type.Object({
  /** The attempt fails after so long on its thread. */
  timeoutMs: Type.Optional(Milliseconds),
});
export type RunOptions = Static<typeof RunOptionsSchema>;

/** Options that the scheduler acts on, with those of the worker inside. */
export const TaskOptionsSchema = Type.Object({
  priority: Type.Optional(
    Type.Integer({ minimum: -limits.priorityMagnitude, maximum: limits.priorityMagnitude }),
  ),
  retries: Type.Optional(RetriesSchema),
  /** Names or codes of the errors that are worth a retry; others fail the task at once. */
  retryIf: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: limits.columnLength })),
  /** Held back this long from its acceptance by the scheduler. */
  delayMs: Type.Optional(Milliseconds),
  /** Held back until then, in milliseconds since 1970 by the scheduler's clock. */
  startAt: Type.Optional(Milliseconds),
  /** Fails if not started this long after its acceptance. */
  expiresMs: Type.Optional(Milliseconds),
  /** Names or addresses of the workers that may run it. */
  workers: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: limits.columnLength })),
  allowOtherWorkers: Type.Optional(Type.Boolean()),
  resources: Type.Optional(ResourcesSchema),
  unschedulableTimeoutMs: Type.Optional(Milliseconds),
  maxWorkerLosses: Type.Optional(Count),
  run: Type.Optional(RunOptionsSchema),
});
export type TaskOptions = Static<typeof TaskOptionsSchema>;
