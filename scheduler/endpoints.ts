// The scheduler's answers to plain HTTP requests. Two pages are public and carry no data; every other
// endpoint requires the view token, in the Authorization header and never in the URL.

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Doorkeeper } from "../src/meeting/door.ts";
import { pathOf, peerOf, type Peer } from "../src/meeting/upgrade-server.ts";

/**
 * The answers to GET requests that show the view token, by path.
 *
 * @example
 * const endpoints = { "/api/info": () => jsonAnswer(clockwork.query("info", {})) };
 */
export type Endpoints = Readonly<Record<string, Endpoint>>;

export type Endpoint = (request: EndpointRequest) => EndpointAnswer;

export type EndpointRequest = {
  readonly path: string;
  readonly query: URLSearchParams;
};

export type EndpointAnswer = {
  /** Default: 200. */
  readonly status?: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
};

export function textAnswer(text: string, status = 200): EndpointAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${text}\n` };
}

export function jsonAnswer(value: unknown, status = 200): EndpointAnswer {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

const publicPages: Endpoints = {
  "/": () =>
    textAnswer(
      "This is a thence scheduler. Workers and clients connect here by WebSocket, with a token.",
    ),
  "/health": () => textAnswer("ok"),
};

/** Makes the listener for plain HTTP requests. */
export function responder(options: {
  endpoints: Endpoints;
  doorkeeper: Doorkeeper;
  /** Receives the reason when a request is refused or an endpoint throws, for the log. */
  turnedAway: (why: string, peer: Peer) => void;
  /** While more bytes of answers wait for their readers, there are no more answers with data. */
  mostUnreadBytes: number;
}): RequestListener {
  const { doorkeeper, turnedAway, mostUnreadBytes } = options;
  const pages = new Map(Object.entries(publicPages));
  const endpoints = new Map(Object.entries(options.endpoints));

  let unreadBytes = 0;

  function answerTo(request: IncomingMessage): EndpointAnswer {
    const path = pathOf(request);
    const page = pages.get(path);
    const endpoint = page ?? endpoints.get(path);
    if (endpoint === undefined) return textAnswer("not found", 404);
    if (!isReading(request)) return textAnswer("GET it", 405);
    const refusal = page ? undefined : doorkeeper(request);
    if (refusal !== undefined) {
      turnedAway(refusal.words, peerOf(request));
      return textAnswer(refusal.words, refusal.status);
    }
    if (!page && unreadBytes > mostUnreadBytes) return busy;
    const query = new URLSearchParams(request.url!.slice(path.length));
    try {
      return endpoint({ path, query });
    } catch (error) {
      turnedAway(`${path} failed: ${(error as Error).message}`, peerOf(request));
      return textAnswer("The scheduler failed to answer; its log has the reason.", 500);
    }
  }

  return (request, response) => {
    const answer = answerTo(request);
    // Bytes wait outside the heap.
    const body = Buffer.from(answer.body);
    unreadBytes += body.length;
    response.once("close", () => {
      unreadBytes -= body.length;
    });
    write(response, { ...answer, body }, isReading(request));
  };
}

const busy = textAnswer("Ask again later: too many answers wait for their readers.", 503);

function isReading({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

function write(
  response: ServerResponse,
  answer: EndpointAnswer & { readonly body: Buffer },
  keepsConnection: boolean,
): void {
  const { status = 200, contentType, body } = answer;
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": body.length,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    ...(status === 405 && { allow: "GET, HEAD" }),
    ...(status === 503 && { "retry-after": "5" }),
    ...(status === 401 && { "www-authenticate": "Bearer" }),
    // The body of such a request is not read, so the connection cannot be used again.
    ...(!keepsConnection && { connection: "close" }),
  });
  response.end(body);
}
