// The answers to requests of clients: a result, or the reason why there is none. A handler returns its
// answer, or returns `later` and gives it to `answer` or `refuse` when it is known.

import type { Failure } from "../../../src/wire/protocol.ts";
import type { RequestName, ResultOf } from "../../../src/wire/requests.ts";
import type { Client } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** A request that waits for its answer: what is needed to give it. */
export type Asked<Name extends RequestName = RequestName> = {
  readonly client: Client;
  readonly id: number;
  readonly to: Name;
};

/** A request is refused for this reason; `code` is one of the catalogue of errors. */
export class Refusal {
  readonly failure: Failure;

  constructor(failure: Failure) {
    this.failure = failure;
  }
}

/** There is no room for what would be kept of a request; `why` says `whyNoRoom`. */
export function noRoomToWait(why: string): Refusal {
  const message = `make this call again later: there is no room for more that waits or is held: ${why}`;
  return new Refusal({ code: "overloaded", message });
}

/** In place of an answer: the handler keeps the request, and answers it in this step or another. */
export const later = Symbol("later");

export function answer<Name extends RequestName>(
  { effects }: Pick<StepContext, "effects">,
  { client, id, to }: Asked<Name>,
  result: ResultOf<Name>,
): void {
  if (!client.gone) effects.answer(client, id, to, result);
}

export function refuse(
  { effects }: Pick<StepContext, "effects">,
  { client, id }: Asked,
  failure: Failure,
): void {
  if (!client.gone) effects.refuse(client, id, failure);
}
