// Published names: a value of a client, with the futures in it, that any client can get by its name and
// that outlives the client. The tasks are retained; the value is never decoded.

import type { Payload } from "../../../src/payload/payload.ts";
import type { ParametersOf, ResultOf } from "../../../src/wire/requests.ts";
import { noRoomToWait, Refusal, type Asked } from "./answers.ts";
import { whyNoRoom } from "../memory/allotments.ts";
import { enterPublished } from "../memory/ledger.ts";
import { retentionBytes } from "../memory/sizes.ts";
import { endRetention, findTasks, offer, retain, type Retention } from "./retention.ts";
import { whyNotWant } from "./wants.ts";
import type { State, TaskKey } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

export type Published = {
  readonly value: Payload;
  /** The keys that the value refers to, by position. */
  readonly inputs: readonly TaskKey[];
  readonly retention: Retention;
  /** Name of the client that published it. */
  readonly by: string;
};

export function publish(
  step: StepContext,
  { client }: Asked,
  { name, value, inputs = [], override = false }: ParametersOf<"publish">,
): null | Refusal {
  const { published } = step.state;
  const earlier = published.get(name);
  if (earlier !== undefined && !override) {
    const message = `choose another name, or give override: "${name}" was published by ${earlier.by}`;
    return new Refusal({ code: "key-conflict", message });
  }
  const tasks = findTasks(step.state, inputs);
  if (typeof tasks === "string") {
    const message = `the future ${tasks} in it is not known here: was it released, or is it of another scheduler?`;
    return new Refusal({ code: "lost-data", message, key: tasks });
  }
  // Before the earlier retention ends: they may have tasks in common.
  const made = retain(step, `published "${name}"`, tasks);
  if (earlier !== undefined) {
    enterPublished(step.state, name, earlier, -1);
    endRetention(step, earlier.retention);
  }
  const all = { value, inputs, retention: made, by: client.name };
  published.set(name, all);
  enterPublished(step.state, name, all, 1);
  return null;
}

export function unpublish(
  step: StepContext,
  _: Asked,
  { name }: ParametersOf<"unpublish">,
): null | Refusal {
  const { published } = step.state;
  const found = published.get(name);
  if (found === undefined) return unknown(step.state, name);
  published.delete(name);
  enterPublished(step.state, name, found, -1);
  endRetention(step, found.retention);
  return null;
}

/** The value goes to the client, and its futures with it as soon as the client takes them. */
export function give(
  step: StepContext,
  { client }: Asked,
  { name }: ParametersOf<"published">,
): ResultOf<"published"> | Refusal {
  const found = step.state.published.get(name);
  if (found === undefined) return unknown(step.state, name);
  const { value, inputs, retention } = found;
  const why =
    whyNoRoom(step.state, "waits", retentionBytes(retention)) ??
    whyNotWant(step.state, client, retention.tasks);
  if (why !== undefined) return noRoomToWait(why);
  const offered = offer(step, client, retention.tasks);
  return offered === undefined ? { value } : { value, inputs: [...inputs], offer: offered };
}

function unknown({ published, options }: State, name: string): Refusal {
  const near = options.nearestNames(name, published.keys());
  const orNear =
    near.length === 0 ? "" : `; there is ${near.map((each) => `"${each}"`).join(", ")}`;
  return new Refusal({ code: "lost-data", message: `nothing is published as "${name}"${orNear}` });
}
