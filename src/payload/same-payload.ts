// Compares encoded values without decoding them.

import type { Payload } from "./payload.ts";

/** Whether two payloads are identical, character for character and byte for byte. */
export function samePayload(a: Payload, b: Payload): boolean {
  if (a === b) return true;
  if (typeof a === "string" || typeof b === "string") return false;
  return (
    a.head === b.head &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, index) => sameBytes(part, b.parts[index]!))
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let index = 0; index < a.byteLength; index++) if (a[index] !== b[index]) return false;
  return true;
}
