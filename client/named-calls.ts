// Tasks under keys of the user's own choice. Two things are true of those keys only: the same call
// may come again, and a key that was let go may be taken for another call while the scheduler is
// still speaking of the one before. The key of a task that was asked for by it is one of those, of
// which the call is not known.

import type { FunctionReference } from "./function-reference.ts";
import type { Encoded } from "../src/payload/payload.ts";
import { samePayload } from "../src/payload/same-payload.ts";

type NamedCall = { readonly function: FunctionReference; readonly call: Encoded };

/** So many keys that were let go are remembered before the scheduler is asked to be done with them. */
const mostLetGo = 1_000;

export class NamedCalls {
  readonly #calls = new Map<string, NamedCall | undefined>();
  /** Keys let go since the scheduler was last asked. */
  #letGo = new Set<string>();
  /** Keys of which the scheduler may still say old things, with the times that must be heard out. */
  readonly #stale = new Map<string, number>();
  /** Has the scheduler answer something: what comes after that, it said knowing all we said so far. */
  readonly #hearOut: (heard: () => void) => void;

  constructor(hearOut: (heard: () => void) => void) {
    this.#hearOut = hearOut;
  }

  /** Before a key is submitted that is not in use. */
  add(key: string, { name, digest }: FunctionReference, call: Encoded): void {
    if (this.#letGo.has(key)) this.#settleAccounts();
    const reference = { name, ...(digest !== undefined && { digest }) };
    this.#calls.set(key, { function: reference, call });
  }

  /** Before the task of a key is asked for that is not in use; the answer is heard out by the caller. */
  addUnknown(key: string): void {
    this.#letGo.delete(key);
    this.#calls.set(key, undefined);
  }

  /** Whether a key is in use for a call that only the scheduler knows. */
  isUnknown(key: string): boolean {
    return this.#calls.has(key) && this.#calls.get(key) === undefined;
  }

  functionOf(key: string): string | undefined {
    return this.#calls.get(key)?.function.name;
  }

  /** A key is not in use any more. Those that were not named here are none of ours. */
  delete(key: string): void {
    if (!this.#calls.delete(key)) return;
    this.#letGo.add(key);
    if (this.#letGo.size >= mostLetGo) this.#settleAccounts();
  }

  /** Whether what the scheduler says of this key now is about an earlier call. */
  isStale(key: string): boolean {
    return this.#stale.size > 0 && this.#stale.has(key);
  }

  /** How many answers must be heard before what the scheduler says of this key is about the newest call. */
  stalenessOf(key: string): number {
    return this.#stale.get(key) ?? 0;
  }

  /** What is said of this key is old until the scheduler has answered what it was just asked. */
  expect(key: string): void {
    this.#stale.set(key, this.stalenessOf(key) + 1);
  }

  heard(key: string): void {
    const left = this.stalenessOf(key) - 1;
    if (left > 0) this.#stale.set(key, left);
    else this.#stale.delete(key);
  }

  /** How a call under a key in use differs from the one that has it; undefined: not at all. */
  difference(key: string, { name, digest }: FunctionReference, call: Encoded): string | undefined {
    const known = this.#calls.get(key);
    if (known?.function.name !== name || known.function.digest !== digest) {
      const other = known?.function.name ?? "";
      return `a call of ${other === name || other === "" ? "another function" : other}`;
    }
    const isSame =
      samePayload(known.call.payload, call.payload) &&
      known.call.inputs.length === call.inputs.length &&
      known.call.inputs.every((input, index) => input === call.inputs[index]);
    return isSame ? undefined : `a call of ${name} with other arguments`;
  }

  #settleAccounts(): void {
    const keys = this.#letGo;
    this.#letGo = new Set();
    for (const key of keys) this.expect(key);
    this.#hearOut(() => {
      for (const key of keys) this.heard(key);
    });
  }
}
