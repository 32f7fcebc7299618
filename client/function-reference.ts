// How a call says which function is meant: by its registered name, or by the function itself, which is
// sent as its own name and a digest. Workers register the digests of their functions, so that a function
// that is passed is found under whatever name it is registered, and no other is called for it.

import { functionDigest, hasNoText, isClass } from "../src/function-digest.ts";
import { limits } from "../src/wire/limits.ts";

/** With a digest the function was passed, and the name is for people. */
export type FunctionReference = { readonly name: string; readonly digest?: string };

const passed = new WeakMap<object, FunctionReference>();

/** @throws {TypeError} for what is neither a name nor a function that could be found on a worker */
export function referenceTo(task: unknown): FunctionReference {
  if (typeof task === "function") return referenceToPassed(task);
  if (typeof task !== "string") {
    throw new TypeError(`give a function or its registered name, not ${typeof task}`);
  }
  return { name: checkedName(task) };
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- whatever users pass
function referenceToPassed(task: Function): FunctionReference {
  const known = passed.get(task);
  if (known) return known;
  if (task.name === "") {
    throw new TypeError(
      "give the registered name: this function has no name of its own to be found by",
    );
  }
  if (hasNoText(task)) {
    throw new TypeError(
      `give the registered name: "${task.name}" is bound, a proxy or built in, and has no text to be found by`,
    );
  }
  if (isClass(task)) {
    throw new TypeError(`give a function or its registered name: "${task.name}" is a class`);
  }
  const reference = { name: checkedName(task.name), digest: functionDigest(task) };
  passed.set(task, reference);
  return reference;
}

function checkedName(name: string): string {
  if (name.length > 0 && name.length <= limits.nameLength) return name;
  throw new TypeError(
    `the name of a function has 1 to ${limits.nameLength} characters, not ${name.length}`,
  );
}
