// What is refused while the scheduler takes nothing new: tasks and values. All else that a client says is small,
// and often ends something, so it is heard as ever. A refused call leaves nothing in the state.

import type { Failure, FromClient } from "../../../src/wire/protocol.ts";
import { bytesOf } from "../effects.ts";
import { taskBytes } from "../memory/sizes.ts";
import type { Client } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** In place of a message that is refused: the tasks that it submitted, or the request that it was. */
export type Refused =
  | { readonly type: "refused"; readonly keys: readonly string[] }
  | { readonly type: "refused"; readonly id: number };

/** What is left of a message: itself, unless it brings something. */
export function withoutBurden(message: FromClient | Refused): FromClient | Refused {
  if (message.type === "refused") return message;
  if (message.type === "submit") return { type: "refused", keys: message.keys };
  const bringsValue = "value" in message || "args" in message;
  const isKept = message.type === "scatter" || message.type === "events";
  return "id" in message && (bringsValue || isKept) ? { type: "refused", id: message.id } : message;
}

/** Bytes that messages bring, more or less. */
export function burdenOf(messages: readonly FromClient[]): number {
  let bytes = 0;
  for (const message of messages) {
    if (message.type === "submit") {
      bytes += message.keys.length * taskBytes;
      for (const args of message.args) bytes += bytesOf(args);
    } else if ("value" in message && message.value !== undefined) bytes += bytesOf(message.value);
  }
  return bytes;
}

export function refuseBurden(
  { effects }: StepContext,
  client: Client,
  refused: Refused,
  why: string,
): void {
  const message = `make this call again later: the scheduler takes nothing new, since ${why}`;
  const failure: Failure = { code: "overloaded", message };
  if ("id" in refused) effects.refuse(client, refused.id, failure);
  else for (const key of refused.keys) effects.failed(client, key, failure);
}
