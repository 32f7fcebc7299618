// Repertoires: what workers registered. Those with the same modules say the same, however many there are, and share
// one list of it.

import { isBuiltIn } from "../../../src/built-in.ts";
import { enterAllotted } from "../memory/allotments.ts";
import { functionBytes, repertoireBytes } from "../memory/sizes.ts";
import { functionFor, functionKey } from "../tasks/functions.ts";
import type { State } from "../state.ts";

export type Repertoire = {
  readonly signature: string;
  /** As the workers said it: the digests are in the order of the functions, and some workers send none. */
  readonly functions: readonly string[];
  readonly digests: readonly string[];
  /** Each function is called by its name, or passed and found by its digest. */
  readonly keys: ReadonlySet<string>;
  /** The names of those in the modules of the workers. */
  readonly registeredNames: readonly string[];
  workers: number;
};

/** What a worker says of its functions. */
export type Registered = {
  readonly functions: readonly string[];
  readonly digests?: readonly string[] | undefined;
};

/** The repertoire of one worker more, which leaves it by `leaveRepertoire`. */
export function enterRepertoire(state: State, registered: Registered): Repertoire {
  const { found, signature } = find(state, registered);
  const repertoire = found ?? createRepertoire(state, registered, signature);
  if (found === undefined) {
    state.repertoires.set(signature, repertoire);
    enterAllotted(state, "workers", bytesOf(repertoire));
  }
  repertoire.workers++;
  return repertoire;
}

export function leaveRepertoire(state: State, repertoire: Repertoire): void {
  repertoire.workers--;
  if (repertoire.workers > 0) return;
  state.repertoires.delete(repertoire.signature);
  enterAllotted(state, "workers", bytesOf(repertoire), -1);
}

export function bytesOf({ functions, digests }: Repertoire): number {
  return repertoireBytes(functions.length, digests.length);
}

/** The bytes of what is not known yet of these functions. */
export function newBytes(state: State, registered: Registered): number {
  if (find(state, registered).found) return 0;
  const { functions, digests = [] } = registered;
  let bytes = repertoireBytes(functions.length, digests.length);
  for (const key of keysOf(registered)) {
    if ((state.functions.get(key)?.workers ?? 0) === 0) bytes += functionBytes(key);
  }
  return bytes;
}

function find({ repertoires }: State, registered: Registered) {
  const { functions, digests = [] } = registered;
  let signature = sumOf([functions, digests]);
  let found = repertoires.get(signature);
  // Others may have the same sum.
  while (found && !(areEqual(found.functions, functions) && areEqual(found.digests, digests))) {
    signature += "+";
    found = repertoires.get(signature);
  }
  return { found, signature };
}

/** Its texts are those of the facts about the functions, which other repertoires may have too. */
function createRepertoire(
  state: State,
  { functions, digests = [] }: Registered,
  signature: string,
): Repertoire {
  const names = functions.map((name) => functionFor(state, { name }).key);
  const passed = digests.map((digest, at) => functionFor(state, { name: names[at] ?? "", digest }));
  return {
    signature,
    functions: names,
    digests: passed.map(({ digest }) => digest!),
    keys: new Set([...names, ...passed.map(({ key }) => key)]),
    registeredNames: names.filter((name) => !isBuiltIn(name)),
    workers: 0,
  };
}

function keysOf({ functions, digests = [] }: Registered): Set<string> {
  return new Set([...functions, ...digests.map((digest) => functionKey({ name: "", digest }))]);
}

function areEqual(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((text, at) => text === others[at]);
}

/** FNV-1a, by Fowler, Noll and Vo, public domain. */
function sumOf(lists: readonly (readonly string[])[]): string {
  let sum = 0x811c9dc5;
  for (const list of lists) {
    for (const text of list) {
      for (let at = 0; at < text.length; at++)
        sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
      sum = Math.imul(sum ^ 0xffff, 0x01000193);
    }
  }
  return `${lists.map(({ length }) => length).join()} ${sum >>> 0}`;
}
