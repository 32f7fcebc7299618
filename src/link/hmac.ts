// HMAC-SHA-256, in Node and in browsers.

/**
 * The HMAC of a text under a secret, as base64url. Node's own is preferred: it is done at once, while that of
 * WebCrypto waits for the thread pool, which a file system that hangs can fill.
 */
export async function hmac(
  secret: string,
  text: string,
  native = globalThis.process?.getBuiltinModule?.("node:crypto"),
): Promise<string> {
  if (native) return native.createHmac("sha256", secret).update(text).digest("base64url");
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
  return base64url(new Uint8Array(await subtle.sign("HMAC", key, encoder.encode(text))));
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
