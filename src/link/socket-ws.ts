// A socket over the network: a WebSocket of the package `ws`, on either side.

import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { ConnectionError, ProtocolError } from "../errors/errors.ts";
import { withoutFrames } from "../errors/stack.ts";
import { limits } from "../wire/limits.ts";
import { releaseMessage, releaseReads } from "./read-memory.ts";
import { splitPin } from "./pin.ts";
import { closeReason, type Socket, type SocketClose } from "./socket.ts";
import type { SocketData, SocketHandlers } from "./socket.ts";
import { describeTlsError, distrust, seenAt, tlsOptionsFor } from "./trust.ts";
import { describeDuration } from "../duration.ts";
import { clearTimeout, now, queueMicrotask, setImmediate, setTimeout } from "../timers.ts";

/**
 * The options of both sides. Compression costs more than it saves on the network of a cluster. The
 * counts bound the cost of assembling one frame, which may arrive in packets of 1,400 bytes.
 */
export const webSocketOptions = {
  perMessageDeflate: false,
  /** `releaseReads` relies on it. */
  allowSynchronousEvents: true,
  maxPayload: limits.frameBytes,
  maxFragments: 1024,
  maxBufferedChunks: 256 * 1024,
  /** Time for the other side to answer a close, in milliseconds. */
  closeTimeout: 2_000,
} as const;

/**
 * The system asks a peer of whom nothing was heard for this long whether it is still there, and ends the
 * connection when it does not answer ten times, a second apart. So a machine that vanished is noticed though
 * nothing is sent; a program that is busy is not its system, which answers.
 */
export const keepAliveMs = 15_000;

/**
 * Opens a WebSocket. Over TLS nothing is sent to anybody but whom the address or an authority names, if one of
 * them does. Otherwise nothing is known of who is at the other end; `openProven` finds out.
 *
 * @throws {ProtocolError} when the server asks for a token in the request (HTTP 401)
 * @throws {ConnectionError} when there was no answer within `timeoutMs`, or another one than expected
 */
export async function openWebSocket(
  target: { url: string; ca?: string | undefined },
  options: { timeoutMs: number; signal?: AbortSignal; localAddress?: string },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  let webSocket: WebSocket;
  /** The connection below: whatever the server answered, none must stay open after a failure. */
  let stream: NetSocket | undefined;
  try {
    const { url, fingerprint } = splitPin(target.url);
    const trust = { fingerprint, ca: target.ca };
    webSocket = new WebSocket(url, {
      ...webSocketOptions,
      ...(url.startsWith("wss:") && tlsOptionsFor(trust)),
      finishRequest(request) {
        request.once("socket", (opened: NetSocket) => {
          stream = opened;
          opened.setKeepAlive(true, keepAliveMs);
          if (!url.startsWith("wss:")) request.end();
          else {
            opened.once("secureConnect", () => {
              socket.binding = seenAt(opened as TLSSocket);
              const problem = distrust(socket.binding, trust);
              if (problem !== undefined) return reject(new ConnectionError(problem));
              request.end();
            });
          }
        });
      },
      ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
      // Masks protect proxies from malicious web pages, so programs do not need them. A mask of
      // zeros saves both sides a pass over the data.
      generateMask() {},
    });
  } catch (error) {
    throw new ConnectionError(`${target.url} is not a valid address: ${messageOf(error)}`);
  }
  const socket = new WsSocket(webSocket);
  const stop = () => reject(new ConnectionError("the attempt was cancelled"));
  options.signal?.addEventListener("abort", stop, { once: true });
  // Not the handshake timeout of `ws`, which begins again with every byte that arrives.
  const late = setTimeout(() => {
    reject(new ConnectionError(`no answer within ${describeDuration(options.timeoutMs)}`));
  }, options.timeoutMs);
  webSocket.once("open", () => resolve(socket));
  webSocket.on("error", (error) => reject(new ConnectionError(messageOf(error))));
  webSocket.once("unexpected-response", (_request, response) => {
    let words = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      words = (words + text).slice(0, 300);
    });
    response.once("close", () => {
      const status = `${response.statusCode} ${response.statusMessage}: ${words.trim()}`;
      if (response.statusCode === 401)
        reject(new ProtocolError(`${sendsNoToken} (HTTP ${status})`));
      else reject(new ConnectionError(`the answer was HTTP ${status}`));
    });
    // A body that never ends is cut after a second.
    response.setTimeout(1_000, () => response.destroy());
  });
  try {
    return await promise;
  } catch (error) {
    webSocket.terminate();
    stream?.destroy();
    throw error instanceof Error ? withoutFrames(error) : error;
  } finally {
    clearTimeout(late);
    options.signal?.removeEventListener("abort", stop);
  }
}

const sendsNoToken =
  "Install the same version of thence on both sides: what answers there wants the token in the request, as " +
  "versions before 0.2 did, and this one sends it to nobody";

/**
 * The longest time, in milliseconds, that sockets are read within one turn of the event loop. Node
 * reads up to two megabytes of one socket before it lets other work run.
 */
const turnMs = 5;
/** A turn with less work than this is not ended: that would cost a lone message a round of the loop. */
const noticedMs = 0.5;
/** The milliseconds spent on messages of all sockets, in this turn and perhaps in short turns before. */
let spentMs = 0;
let isTurnEnding = false;

/** Adds time spent on a message; returns true when the socket should let other work run. */
function spend(ms: number): boolean {
  spentMs += ms;
  if (spentMs > noticedMs && !isTurnEnding) {
    isTurnEnding = true;
    setImmediate(() => {
      isTurnEnding = false;
      spentMs = 0;
    });
  }
  return spentMs > turnMs;
}

/** A WebSocket that is open or opening. */
export class WsSocket implements Socket {
  readonly #webSocket: WebSocket;
  /** See `Socket.binding`; of a dialled socket known once the certificate was seen. */
  binding: string | undefined;
  #handlers: SocketHandlers | undefined;
  #paused = false;
  #terminated = false;
  #yielding = false;
  /** Messages that arrived before `listen`, or after `pause` from data that was read before it. */
  #held: SocketData[] = [];
  #close: SocketClose | undefined;
  #problem: { message: string; isTheirs: boolean } | undefined;
  /** The TCP or TLS socket below the WebSocket. */
  #stream: NetSocket | undefined;
  #releasesReads = false;
  readonly #wrote = (error?: Error | null) => {
    if (!error) this.#handlers?.wrote();
  };

  /**
   * @param accepted of an accepted WebSocket: the TCP or TLS socket, without which `release` frees less, and the
   *   fingerprint of the certificate of this side
   */
  constructor(
    webSocket: WebSocket,
    accepted: { stream?: NetSocket; binding?: string | undefined } = {},
  ) {
    this.#webSocket = webSocket;
    this.#stream = accepted.stream;
    this.binding = accepted.binding;
    webSocket.once("upgrade", (response: IncomingMessage) => {
      this.#stream = response.socket;
    });
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      this.#arrived(isBinary ? data : data.toString());
    });
    webSocket.on("error", (error: NodeJS.ErrnoException) => {
      this.#problem ??= {
        message: messageOf(error),
        isTheirs: error.code?.startsWith("WS_ERR_") ?? false,
      };
    });
    webSocket.on("close", (code, reason) => {
      const problem = this.#problem;
      this.#close = {
        code,
        reason: reason.toString() || (problem?.message ?? ""),
        ...(problem?.isTheirs && { violation: problem.message }),
      };
      this.#deliver();
    });
  }

  get open(): boolean {
    return this.#webSocket.readyState === WebSocket.OPEN;
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  get bytesRead(): number | undefined {
    return this.#stream?.bytesRead;
  }

  get bytesSent(): number | undefined {
    return this.#stream && this.#stream.bytesWritten - this.bufferedBytes;
  }

  listen(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    if (this.#held.length > 0 || this.#close) queueMicrotask(() => this.#deliver());
  }

  send(data: SocketData): void {
    if (this.open) this.#webSocket.send(data, this.#wrote);
  }

  release(data: Uint8Array): void {
    // The listeners are added on the first call, so that sockets with little data do not pay for them.
    if (!this.#releasesReads && this.#stream) releaseReads(this.#webSocket, this.#stream);
    this.#releasesReads = true;
    releaseMessage(data);
  }

  pause(): void {
    this.#paused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#webSocket.resume();
    queueMicrotask(() => this.#deliver());
  }

  close(code: number, reason: string): void {
    // The answer to the close has to be read.
    this.resume();
    this.#webSocket.close(code, closeReason(reason));
  }

  terminate(): void {
    this.#terminated = true;
    this.#webSocket.terminate();
  }

  #arrived(data: SocketData): void {
    if (this.#terminated) return;
    if (!this.#handlers || this.#paused || this.#yielding || this.#held.length > 0) {
      this.#held.push(data);
    } else this.#pass(data);
  }

  #pass(data: SocketData): void {
    const began = now();
    this.#handlers!.message(data);
    if (spend(now() - began)) this.#yield();
  }

  /** Stops reading, and passing on what was read, until other work has run. */
  #yield(): void {
    if (this.#yielding || this.#terminated) return;
    this.#yielding = true;
    this.#webSocket.pause();
    setImmediate(() => {
      this.#yielding = false;
      if (!this.#paused) this.#webSocket.resume();
      this.#deliver();
    });
  }

  /** Delivers held messages and the close. A close overrides a pause, because nothing follows it. */
  #deliver(): void {
    while (this.#handlers && this.#held.length > 0 && (!this.#paused || this.#close)) {
      if (this.#terminated || this.#yielding) return;
      this.#pass(this.#held.shift()!);
    }
    if (!this.#handlers || !this.#close || this.#terminated || this.#held.length > 0) return;
    this.#terminated = true;
    this.#handlers.closed(this.#close);
  }
}

/** The message of an error; several failed addresses (`localhost`) make an AggregateError without one. */
function messageOf(error: unknown): string {
  const inWords = describeTlsError(error as NodeJS.ErrnoException);
  if (inWords !== undefined) return inWords;
  const { message, code, errors } = error as NodeJS.ErrnoException & { errors?: Error[] };
  const all = errors?.map((one) => one.message).join(", ");
  return message || all || code || String(error);
}
