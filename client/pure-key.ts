// The key of a pure call: named by what it computes, so that whoever submits the same call means
// the same task. A collision would do no harm: the scheduler compares the calls, and refuses.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { FunctionReference } from "./function-reference.ts";
import type { Encoded } from "../src/payload/payload.ts";

/** How much of a function's name goes into the key, for people who read it. */
const nameInKey = 64;
/** Of SHA-256, which is the same in Node and in a browser, and needs no promise here. */
const hashBytes = 16;

/** The same for the same function, arguments as they are encoded, and futures among them. */
export function pureKey(
  { name, digest = "" }: FunctionReference,
  { payload, inputs }: Encoded,
): string {
  const hash = sha256.create();
  // Each with its length before it, so that no two lists of parts read the same.
  const add = (part: Uint8Array): void => {
    hash.update(utf8ToBytes(`${part.byteLength}:`));
    hash.update(part);
  };
  add(utf8ToBytes(name + digest));
  add(utf8ToBytes(typeof payload === "string" ? payload : payload.head));
  for (const input of inputs) add(utf8ToBytes(input));
  if (typeof payload !== "string") for (const part of payload.parts) add(part);
  return `${name.slice(0, nameInKey)}-${bytesToHex(hash.digest().subarray(0, hashBytes))}`;
}
