// The head of a `run` message: all that a worker is told of a task besides its key and its inputs. Made
// once for a spec, from its options, and shared by all specs that say the same. So tasks belong into
// one message when their heads are the same object, and nothing has to be compared field by field.

import type { RunMessage } from "../../../src/wire/protocol.ts";
import { waitsToGoOn } from "../placement/limits.ts";
import type { Spec, State, Task } from "../state.ts";

/** Everything of the message that is not a column; `announce` is of the attempt. */
export type RunHead = Readonly<Omit<RunMessage, "keys" | "attempts" | "args" | "inputs" | "peers">>;

export type RunHeads = {
  readonly signature: string;
  readonly usual: RunHead;
  /** For suspects, which the worker announces before each begins. */
  readonly announced: RunHead;
  specs: number;
};

/** The heads for a spec, which leaves them by `leaveRunHeads`. */
export function enterRunHeads(
  { runHeads }: State,
  { function: { name, passed, digest }, priority, options, constraint, lane }: Omit<Spec, "heads">,
): RunHeads {
  const usual: RunHead = {
    type: "run",
    name,
    ...(passed && digest !== undefined && { digest }),
    ...(priority !== 0 && { priority }),
    ...(options.run && { options: options.run }),
    ...(waitsToGoOn(constraint) && { resources: constraint.resources ?? {} }),
    ...(lane.depth > 0 && { depth: lane.depth }),
  };
  const signature = JSON.stringify(usual);
  let heads = runHeads.get(signature);
  if (heads === undefined) {
    // A suspect that lends its slot waits until it may go on.
    const announced = { ...usual, announce: true, resources: constraint.resources ?? {} };
    heads = { signature, usual, announced, specs: 0 };
    runHeads.set(signature, heads);
  }
  heads.specs++;
  return heads;
}

export function leaveRunHeads({ runHeads }: State, heads: RunHeads): void {
  heads.specs--;
  if (heads.specs === 0) runHeads.delete(heads.signature);
}

export function headOf({ spec, suspicions }: Task): RunHead {
  return suspicions > 0 ? spec.heads.announced : spec.heads.usual;
}
