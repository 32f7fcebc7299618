// The words about tasks that submit: what the clients inside them say and hear, and what they lend
// while they wait. Part of the unions in `protocol.ts`.

import { Type } from "typebox";
import { Attempt, attemptsOf, Key } from "./parts.ts";
import type { FromClient, ToClient } from "./protocol.ts";

/** To a worker: what these had lent is theirs again; for those of a `run` with `resources` only. */
export const Resume = attemptsOf("resume");
/** To a worker: for the client inside a task. */
export const ToTask = Type.Object({
  type: Type.Literal("sub"),
  key: Key,
  attempt: Attempt,
  message: Type.Unsafe<ToClient>(Type.Object({ type: Type.String() })),
});

/** From a worker: these wait for what they have submitted; their slots are free meanwhile. */
export const Lent = attemptsOf("lent");
/** From a worker: these have what they waited for, and occupy their slots again. */
export const Resuming = attemptsOf("resuming");
/** From a worker: from the client inside a task. What it submits is released when the attempt ends. */
export const FromTask = Type.Object({
  type: Type.Literal("sub"),
  key: Key,
  attempt: Attempt,
  message: Type.Unsafe<FromClient>(Type.Object({ type: Type.String() })),
});
