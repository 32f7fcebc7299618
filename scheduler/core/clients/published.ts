// Published names: a value of a client, with the futures in it, that any client can get by its name and
// that outlives the client. The tasks are retained; the value is never decoded.

import type { Payload } from "../../../src/payload/payload.ts";
import type { FromClient, ToClient } from "../../../src/wire/protocol.ts";
import { endRetention, findTasks, offer, retain, type Retention } from "./retention.ts";
import type { Client, State, TaskKey } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

export type Published = {
  readonly value: Payload;
  /** The keys that the value refers to, by position. */
  readonly inputs: readonly TaskKey[];
  readonly retention: Retention;
  /** Name of the client that published it. */
  readonly by: string;
};

type Message<Type extends FromClient["type"]> = Extract<FromClient, { type: Type }>;
type Answer = Extract<ToClient, { type: "answer" }>;

export function publish(step: StepContext, client: Client, message: Message<"publish">): Answer {
  const { id, name, value, inputs = [], override = false } = message;
  const { published } = step.state;
  const earlier = published.get(name);
  if (earlier !== undefined && !override) {
    const words = `choose another name, or give override: "${name}" was published by ${earlier.by}`;
    return { type: "answer", id, failure: { code: "key-conflict", message: words } };
  }
  const tasks = findTasks(step.state, inputs);
  if (typeof tasks === "string") {
    const words = `the future ${tasks} in it is not known here: was it released, or is it of another scheduler?`;
    return { type: "answer", id, failure: { code: "lost-data", message: words, key: tasks } };
  }
  // Before the earlier retention ends: they may have tasks in common.
  const made = retain(step, `published "${name}"`, tasks);
  if (earlier !== undefined) endRetention(step, earlier.retention);
  published.set(name, { value, inputs, retention: made, by: client.name });
  return { type: "answer", id };
}

export function unpublish(step: StepContext, { id, name }: Message<"unpublish">): Answer {
  const { published } = step.state;
  const found = published.get(name);
  if (found === undefined) return unknown(step.state, id, name);
  published.delete(name);
  endRetention(step, found.retention);
  return { type: "answer", id };
}

/** The value goes to the client, and its futures with it as soon as the client takes them. */
export function give(
  step: StepContext,
  client: Client,
  { id, name }: Message<"published">,
): Answer {
  const found = step.state.published.get(name);
  if (found === undefined) return unknown(step.state, id, name);
  const { value, inputs } = found;
  const offered = offer(step, client, found.retention.tasks);
  if (offered === undefined) return { type: "answer", id, value };
  return { type: "answer", id, value, inputs: [...inputs], offer: offered };
}

function unknown({ published, options }: State, id: number, name: string): Answer {
  const near = options.nearestNames(name, published.keys());
  const orNear =
    near.length === 0 ? "" : `; there is ${near.map((each) => `"${each}"`).join(", ")}`;
  const words = `nothing is published as "${name}"${orNear}`;
  return { type: "answer", id, failure: { code: "lost-data", message: words } };
}
