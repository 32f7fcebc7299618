// Who is turned away before a word: requests with a malformed host, web pages of other origins, and whoever
// shows a token, which is never asked for here. Schedulers and workers use the same checks. What a WebSocket
// has to prove after that is in `entrance.ts`.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { PROTOCOL_VERSION } from "../wire/protocol.ts";
import { rightOf } from "../wire/rights.ts";

export type Refusal = { status: 400 | 401 | 403; words: string };

/** Returns why a request is refused, or undefined when it is allowed. */
export type Doorkeeper = (request: IncomingMessage) => Refusal | undefined;

type Role = "scheduler" | "worker";

/** Makes the check of upgrades for one server. */
export function upgradeDoorkeeper(scheme: "http" | "https", role: Role): Doorkeeper {
  return (request) => {
    // A program of an older version shows the token before it knows whom it shows it to.
    if (/^Bearer /i.test(request.headers.authorization ?? "")) {
      return {
        status: 401,
        words:
          `Install the same version of thence on both sides: this ${role} speaks version ` +
          `${PROTOCOL_VERSION} of the protocol, which never sends the token.`,
      };
    }
    return strangeness(request, scheme, role);
  };
}

/**
 * Makes the check of requests for data, which show the view token in their Authorization header. The full token
 * is refused: over HTTP it would cross the network in the open, and it runs code.
 */
export function dataDoorkeeper(viewToken: string, scheme: "http" | "https"): Doorkeeper {
  return (request) => {
    const refusal = strangeness(request, scheme, "scheduler");
    if (refusal) return refusal;
    const { authorization } = request.headers;
    if (authorization === undefined) {
      return {
        status: 401,
        words: "The view token is needed, as a bearer token: `thence token --view` prints it.",
      };
    }
    // Digests have a fixed length, so the time of the comparison reveals nothing about the token.
    if (timingSafeEqual(digestOf(authorization), digestOf(`Bearer ${viewToken}`))) return undefined;
    const [, shown = ""] = /^Bearer (.*)$/.exec(authorization) ?? [];
    return {
      status: 401,
      words:
        rightOf(shown) === "view"
          ? "The view token is not the one of this scheduler."
          : "Over HTTP only the view token is accepted: `thence token --view` prints it. " +
            "The full token should never be sent.",
    };
  };
}

function strangeness(
  { headers: { host, origin } }: IncomingMessage,
  scheme: "http" | "https",
  role: Role,
): Refusal | undefined {
  if (host === undefined || !/^[\w.\-:[\]]{1,255}$/.test(host)) {
    return { status: 400, words: "The Host header is missing or malformed." };
  }
  // Only browsers send an Origin header. It names the page that makes the request.
  if (origin !== undefined && origin !== `${scheme}://${host}`) {
    return { status: 403, words: `Web pages of another origin may not use this ${role}.` };
  }
  return undefined;
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
