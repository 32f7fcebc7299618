// What is refused while the scheduler takes nothing new: tasks and values. All else that a client says is small,
// and often ends something, so it is heard as ever. A refused call leaves nothing in the state.

import type { Failure, FromClient } from "../../../src/wire/protocol.ts";
import type { ClientId } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { receiveFrom } from "./client-events.ts";

/** In place of a message that is refused: the tasks that it submitted, or the request that it was. */
export type Refused =
  | { readonly type: "refused"; readonly keys: readonly string[] }
  | { readonly type: "refused"; readonly id: number };

/** What is left of a message: itself, unless it brings something. */
export function withoutBurden(message: FromClient): FromClient | Refused {
  if (message.type === "submit") return { type: "refused", keys: message.keys };
  const bringsValue = "value" in message || "args" in message;
  return "id" in message && (bringsValue || message.type === "scatter")
    ? { type: "refused", id: message.id }
    : message;
}

export function receiveRefused(
  step: StepContext,
  from: ClientId,
  messages: readonly (FromClient | Refused)[],
  why: string,
): void {
  const client = step.state.clients.get(from);
  if (client === undefined) return;
  const message = `make this call again later: the scheduler takes nothing new, since ${why}`;
  const failure: Failure = { code: "overloaded", message };
  let heard: FromClient[] = [];
  for (const each of [...messages, undefined]) {
    if (each !== undefined && each.type !== "refused") {
      heard.push(each);
      continue;
    }
    if (heard.length > 0) receiveFrom(step, client, heard);
    heard = [];
    if (each === undefined) return;
    if ("id" in each) step.effects.refuse(client, each.id, failure);
    else for (const key of each.keys) step.effects.failed(client, key, failure);
  }
}
