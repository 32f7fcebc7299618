// Who may enter: every request for a WebSocket or for data must show the token, and web pages of
// other origins are refused. Schedulers and workers use the same check.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

export type Refusal = { status: 400 | 401 | 403; words: string };

/** Returns why a request is refused, or undefined when it is allowed. */
export type Doorkeeper = (request: IncomingMessage) => Refusal | undefined;

/**
 * Makes the check for one server.
 *
 * @param token called for every request, because the token may change
 * @param role named in the refusals
 */
export function doorkeeper(
  token: () => string | undefined,
  scheme: "http" | "https",
  role: "scheduler" | "worker",
): Doorkeeper {
  return (request) => {
    const { host, origin, authorization } = request.headers;
    if (host === undefined || !/^[\w.\-:[\]]{1,255}$/.test(host)) {
      return { status: 400, words: "The Host header is missing or malformed." };
    }
    // Only browsers send an Origin header. It names the page that makes the request.
    if (origin !== undefined && origin !== `${scheme}://${host}`) {
      return { status: 403, words: `Web pages of another origin may not use this ${role}.` };
    }
    if (authorization === undefined) {
      return {
        status: 401,
        words:
          "A token is needed: it is in the scheduler file. " +
          "Without that file, ask the person who started the scheduler.",
      };
    }
    // Digests have a fixed length, so the time of the comparison reveals nothing about the token.
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

/** Answers a refused upgrade over HTTP and closes the connection. */
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
