// The memory of what a socket receives, given back as soon as it is known that nobody looks at it, and
// not when garbage is collected. A socket is read into 64 KiB at a time, each time anew: for every
// 64 MiB that made V8 look through the whole heap twice, and the kernel find pages for all of it.

import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** Reads that are not known to be done with; when there are more, they are left to V8. */
const mostReads = 1024;

/**
 * Frees what is read from this stream once it has become messages. Holds only where `ws` hands over
 * messages while it takes what was read, as it does without compression: whatever was read before the
 * read that completed a message has been copied into that message or an earlier one, or is itself one.
 */
export function releaseReads(webSocket: WebSocket, stream: Duplex): void {
  let reads: ArrayBuffer[] = [];
  let hadMessage = false;
  /** Messages that are a piece of what was read, or all of it: who received them has them. */
  const given = new WeakSet<ArrayBufferLike>();
  webSocket.on("message", ({ buffer }: Buffer, isBinary: boolean) => {
    hadMessage = true;
    if (isBinary) given.add(buffer);
  });
  // Its words are sent back, and until those have left they must not go.
  webSocket.on("ping", ({ buffer }: Buffer) => given.add(buffer));
  // Heard after `ws` has heard it, since that was there first.
  stream.on("data", ({ buffer, byteLength }: Buffer) => {
    if (hadMessage) {
      for (const read of reads) if (!given.has(read)) release(read);
      reads = [];
    } else if (reads.length >= mostReads) {
      reads = [];
    }
    hadMessage = false;
    if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) reads.push(buffer);
  });
}

/** Frees what a message takes, when it has memory to itself. */
export function releaseMessage({ buffer, byteLength }: Uint8Array): void {
  // Empty ones are all the same to `ws`.
  if (byteLength === 0) return;
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) release(buffer);
}

function release(buffer: ArrayBuffer): void {
  buffer.transfer(0);
}
