// What is said of the lives of workers and of the scheduler: the batch job that a worker runs in, how
// workers went, and the time limit of a job.

import { Type, type Static } from "typebox";
import { Count, Milliseconds, Name, Text } from "./parts.ts";

/** A step of a batch job, as its batch system names it. */
export const JobStepSchema = Type.Object({
  system: Type.String({ minLength: 1, maxLength: 64 }),
  id: Type.String({ minLength: 1, maxLength: 64 }),
  step: Type.String({ minLength: 1, maxLength: 64 }),
});
export type JobStep = Static<typeof JobStepSchema>;

/** How a worker ended, in words. */
export const How = Type.String({ maxLength: 1_000 });

/** A worker that went, or could not start. */
export const DepartureSchema = Type.Object({
  worker: Name,
  how: How,
  /** Milliseconds since 1970. */
  at: Milliseconds,
});
export type DepartureFact = Static<typeof DepartureSchema>;

/** To every client: the time limit of the scheduler's job is near, and no task starts any more. */
export const Ending = Type.Object({
  type: Type.Literal("ending"),
  leftMs: Milliseconds,
  reason: Text,
});

/**
 * The hello of a process that speaks for a worker which has ended without a word, or could not start. It
 * begins no session: it is answered by a refusal of the code "noted".
 */
export const EndedWorkerFields = {
  name: Name,
  host: Name,
  how: How,
  /** The process of the worker, when that had joined. */
  pid: Type.Optional(Count),
  job: Type.Optional(JobStepSchema),
};
