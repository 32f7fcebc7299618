// What the proofs are made of, in Node and in browsers. It is computed at once: Node's and a browser's own
// functions wait for a pool of threads, which a file system that hangs can fill, and a browser has its own
// only on encrypted pages.

import { hmac as hmacOf } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

/** The HMAC-SHA-256 of a text under a secret, as base64url. */
export function hmac(secret: string, text: string): string {
  return base64url(hmacOf(sha256, utf8ToBytes(secret), utf8ToBytes(text)));
}

/** Random bytes for one use, as base64url. */
export function mintNonce(): string {
  return base64url(globalThis.crypto.getRandomValues(new Uint8Array(32)));
}

/** Whether two texts are the same; the time that it takes says nothing of where they differ. */
export function isSame(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
