// Who may come in: every WebSocket shows the token when it opens, to schedulers and to workers alike,
// and no page that a browser has from somewhere else is let in.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** How long, in milliseconds, and how much somebody may say before the door: slowly is no way in. */
export function doorLimits(requestMs = 10_000) {
  return {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: Math.min(5_000, requestMs),
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestMs / 2)),
    maxHeaderSize: 16 * 1024,
  };
}
/** At a time. */
export const mostConnections = 65_536;

export type Refusal = { status: 400 | 401 | 403; words: string };

/**
 * Decides who may speak WebSocket: says why not, or nothing.
 *
 * @param token asked every time, for it may change
 * @param role whose door it is, for the words
 */
export function doorkeeper(
  token: () => string | undefined,
  scheme: "http" | "https",
  role: "scheduler" | "worker",
) {
  return (request: IncomingMessage): Refusal | undefined => {
    const { host, origin, authorization } = request.headers;
    if (host === undefined || !/^[\w.\-:[\]]{1,255}$/.test(host)) {
      return { status: 400, words: "The Host header is missing or malformed." };
    }
    // Programs send no Origin; browsers always do, and say which page speaks.
    if (origin !== undefined && origin !== `${scheme}://${host}`) {
      return { status: 403, words: `Pages from elsewhere may not connect to this ${role}.` };
    }
    if (authorization === undefined) {
      return {
        status: 401,
        words:
          "A token is needed: it is in the scheduler file, or ask whoever started the scheduler.",
      };
    }
    // Digests are of one length, so that the time taken says nothing of the token.
    const wanted = token();
    if (!wanted || !timingSafeEqual(digestOf(authorization), digestOf(`Bearer ${wanted}`))) {
      return { status: 401, words: `The token is not the one of this ${role}.` };
    }
    return undefined;
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

const statusNames = { 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden" };

/** Answers over HTTP and ends. */
export function turnAway(stream: Duplex, { status, words }: Refusal): void {
  const body = `${words}\n`;
  stream.end(
    [
      `HTTP/1.1 ${status} ${statusNames[status]}`,
      ...(status === 401 ? ["WWW-Authenticate: Bearer"] : []),
      "Content-Type: text/plain; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
      "",
      body,
    ].join("\r\n"),
    () => stream.destroy(),
  );
}
