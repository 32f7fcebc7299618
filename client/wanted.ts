// Futures of tasks by their keys: this client asks the scheduler for them. Until it has the answer,
// whatever the scheduler says of a key is of the time before, and passed over. A call that is submitted
// under such a key is compared by the scheduler with the call that has it, which this client does not know.

import { LostDataError, type ThenceError } from "../src/errors/errors.ts";
import type { KeyTable } from "../src/key-table.ts";
import { limits } from "../src/wire/limits.ts";
import { errorOf } from "../src/errors/failure.ts";
import type { ResultOf } from "../src/wire/requests.ts";
import type { FromClient } from "../src/wire/protocol.ts";
import type { FutureState } from "./future-state.ts";
import type { NamedCalls } from "./named-calls.ts";
import { membersOf, SharedState, type Entry } from "./shared-state.ts";

/** What it needs of the session. */
export type WantedParts = {
  readonly states: KeyTable<Entry>;
  readonly named: () => NamedCalls;
  /** The newest message that has not left. */
  readonly lastUnsent: () => FromClient | undefined;
  /** Sends the keys, and calls back while the answer is being received. */
  readonly send: (keys: string[], answered: (answer: ResultOf<"want">) => void) => void;
  readonly drop: (state: FutureState) => void;
  readonly forget: (state: FutureState) => void;
};

/** The states whose tasks one message asks for, each with its key at the same place. */
type Asked = {
  readonly keys: string[];
  readonly states: FutureState[];
  /** Others when the scheduler was lost: then there is no answer. */
  readonly named: NamedCalls;
};

export class Wanted {
  readonly #parts: WantedParts;
  #newest: Asked | undefined;

  constructor(parts: WantedParts) {
    this.#parts = parts;
  }

  /** A new state, whose key this client does not hold. */
  add(state: FutureState): void {
    const { states, named } = this.#parts;
    named().addUnknown(state.key);
    state.known = true;
    states.add(state);
    this.#ask(state);
  }

  /** A call under a key that was asked for. */
  addCall(call: FutureState, known: Entry, submit: () => void): void {
    const { states } = this.#parts;
    const shared = known instanceof SharedState ? known : new SharedState(known);
    if (shared !== known) {
      states.delete(known.key);
      states.add(shared);
    }
    call.known = true;
    shared.add(call);
    submit();
    // The scheduler says after the answer what became of the task, for this call as well.
    this.#ask(call);
  }

  /** Asks for the task of a state's key; many that are asked for in a row share a message. */
  #ask(state: FutureState): void {
    const { lastUnsent, send } = this.#parts;
    const { key } = state;
    const named = this.#parts.named();
    named.expect(key);
    const last = lastUnsent();
    const newest = this.#newest;
    if (
      newest?.named === named &&
      last?.type === "want" &&
      last.keys === newest.keys &&
      newest.keys.length < limits.columnLength
    ) {
      newest.keys.push(key);
      newest.states.push(state);
      return;
    }
    const asked: Asked = { keys: [key], states: [state], named };
    this.#newest = asked;
    send(asked.keys, (answer) => this.#answered(asked, answer));
  }

  #answered({ states, named }: Asked, { unknown, refused }: ResultOf<"want">): void {
    const none = new Map<string, ThenceError>();
    for (const key of unknown) none.set(key, unknownTask(key));
    for (const key of refused?.keys ?? []) none.set(key, errorOf(refused!.failure));
    for (const state of states) {
      const { key } = state;
      named.heard(key);
      const entry = this.#parts.states.get(key);
      if (entry instanceof SharedState) {
        entry.check(state);
        // It may have been lost meanwhile. Otherwise the scheduler says next that it is there.
        entry.lose();
      }
      const error = none.get(key);
      if (entry !== undefined && error !== undefined) this.#fail(state, entry, error);
    }
  }

  /** There is no task for a state that was asked for. Calls that were submitted later are tasks of their own. */
  #fail(state: FutureState, entry: Entry, error: ThenceError): void {
    const members = membersOf(entry);
    for (const each of members.slice(0, members.indexOf(state) + 1)) {
      this.#parts.drop(each);
      each.fail("error", error);
    }
  }

  /** The scheduler has refused a call under a key that was asked for. */
  refuse(shared: SharedState, error: ThenceError): void {
    const { named, forget } = this.#parts;
    const { key, unchecked } = shared;
    // Each call that is not compared yet has an answer to come. With more of those, an earlier call was meant.
    const [call] = unchecked;
    if (call === undefined || named().stalenessOf(key) !== unchecked.length) return;
    forget(call);
    call.fail("error", error);
  }
}

function unknownTask(key: string): LostDataError {
  const message =
    `no task has the key "${key}": it was cancelled or released, its keepMs is over, or it never ` +
    "was here";
  return new LostDataError(message, { key });
}
