// Frees the memory of received data as soon as it is no longer needed, instead of at the next garbage
// collection. A socket allocates 64 KiB for every read. Without this, every 64 MiB received made V8
// scan the whole heap twice, and the kernel map new pages for all of it.

import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** The most reads that are remembered; when there are more, the garbage collector frees them. */
const mostReads = 1024;

/**
 * Frees the reads of a stream once `ws` has made messages of them. This is correct only while `ws`
 * emits messages synchronously, as it does without compression: then every read before the one that
 * completed a message was copied into a message, or is itself a message.
 */
export function releaseReads(webSocket: WebSocket, stream: Duplex): void {
  let reads: ArrayBuffer[] = [];
  let hadMessage = false;
  /** The memory of messages that are views on a read: it belongs to the receiver. */
  const given = new WeakSet<ArrayBufferLike>();
  webSocket.on("message", ({ buffer }: Buffer, isBinary: boolean) => {
    hadMessage = true;
    if (isBinary) given.add(buffer);
  });
  // The pong sends the ping's bytes, so they must stay until it has been written.
  webSocket.on("ping", ({ buffer }: Buffer) => given.add(buffer));
  // This listener runs after the listener of `ws`, which was added before.
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

/** Frees the memory of a message that fills all of its buffer. */
export function releaseMessage({ buffer, byteLength }: Uint8Array): void {
  // `ws` uses one shared buffer for all empty messages.
  if (byteLength === 0) return;
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) release(buffer);
}

function release(buffer: ArrayBuffer): void {
  buffer.transfer(0);
}
