// The words about values that a task puts out before its end, by `currentTask().output()`. They go to the
// client that submitted the task, when that listens, and it says what it has taken: a task does not
// run ahead of its reader by more than `limits.outputWindowBytes`. Part of the unions in `protocol.ts`.

import { Type, type Static } from "typebox";
import { Attempt, Count, Key, PayloadSchema } from "./parts.ts";

const output = { type: Type.Literal("output"), key: Key, attempt: Attempt, value: PayloadSchema };

/** From a worker: a value that the task put out. */
export const Output = Type.Object(output);
/** To the client that submitted the task; `start` counts how often the task has begun. */
export const OutputToClient = Type.Object({ ...output, start: Count });

/** From a client, and then to the worker: so many bytes of output of this attempt have been taken. */
export const OutputTaken = Type.Object({
  type: Type.Literal("output-taken"),
  key: Key,
  attempt: Attempt,
  bytes: Count,
});
export type OutputTaken = Static<typeof OutputTaken>;
