// Equality of encoded values, byte for byte, without decoding them.

import type { Payload } from "../../../src/payload/payload.ts";

export function samePayload(a: Payload, b: Payload): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return (
    a.head === b.head &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, index) => sameBytes(part, b.parts[index]!))
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
