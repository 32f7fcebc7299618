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
  // Word by word where the memory allows: a part may have hundreds of megabytes.
  const words = isAligned(a) && isAligned(b) ? a.byteLength >>> 2 : 0;
  if (words > 0) {
    const left = new Uint32Array(a.buffer, a.byteOffset, words);
    const right = new Uint32Array(b.buffer, b.byteOffset, words);
    for (let index = 0; index < words; index++) if (left[index] !== right[index]) return false;
  }
  for (let index = words * 4; index < a.byteLength; index++) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}

function isAligned({ byteOffset }: Uint8Array): boolean {
  return byteOffset % 4 === 0;
}
