// Asks a scheduler for a public page over HTTP: a link would retry, and hide what an attempt met.

import { once } from "node:events";
import { request as requestPlain, type IncomingMessage } from "node:http";
import { request as requestByTls } from "node:https";
import { text as textOf } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { describeDuration } from "../../src/duration.ts";
import { splitPin } from "../../src/link/pin.ts";
import { describeTlsError, distrust, seenAt, tlsOptionsFor } from "../../src/link/trust.ts";
import { clearTimeout, now, setTimeout } from "../../src/timers.ts";

export type Answer =
  | {
      readonly status: number;
      readonly text: string;
      readonly tookMs: number;
      /** The end of the certificate, in milliseconds since 1970; undefined without TLS. */
      readonly validTo: number | undefined;
    }
  | { readonly status?: undefined; readonly why: string; readonly tookMs: number };

/** @param url of a WebSocket, whose port serves HTTP too */
export async function ask(
  url: string,
  path: string,
  { ca, timeoutMs }: { ca?: string | undefined; timeoutMs: number },
): Promise<Answer> {
  const began = now();
  const tookMs = () => Math.round(now() - began);
  const { url: place, fingerprint } = splitPin(url);
  const address = new URL(path, `${place.replace(/^ws/, "http").replace(/\/?$/, "/")}`);
  const isTls = address.protocol === "https:";
  const trust = { fingerprint, ca };
  // `fetch` would refuse some ports, and take its time to load.
  const request = (isTls ? requestByTls : requestPlain)(address, {
    ...(isTls && tlsOptionsFor(trust)),
    agent: false,
  });
  const late = setTimeout(
    () => request.destroy(new Error(`no answer within ${describeDuration(timeoutMs)}`)),
    timeoutMs,
  );
  let validTo: number | undefined;
  if (!isTls) request.end();
  else {
    request.once("socket", (socket: TLSSocket) => {
      socket.once("secureConnect", () => {
        validTo = Date.parse(socket.getPeerCertificate().valid_to);
        const problem = distrust(seenAt(socket), trust);
        if (problem !== undefined) return request.destroy(new Error(problem));
        return request.end();
      });
    });
  }
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const text = await textOf(response);
    return { status: response.statusCode ?? 0, text, tookMs: tookMs(), validTo };
  } catch (error) {
    const why = describeTlsError(error as NodeJS.ErrnoException) ?? (error as Error).message;
    return { why, tookMs: tookMs() };
  } finally {
    clearTimeout(late);
  }
}

/** What most often is behind such a reason. */
export function adviceFor(why: string): string {
  if (why.includes("somebody else")) return "the address is of an earlier scheduler, or of none";
  if (/TLS|certificate/.test(why)) return "compare the address with the one in the scheduler file";
  if (why.startsWith("HTTP")) return "another server answers there";
  if (why.includes("ECONNREFUSED")) {
    return "nothing listens there: the scheduler has ended, listens on another interface, or a firewall refuses";
  }
  if (/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/.test(why)) {
    return "no route from here: start the scheduler with --interface of a network that both machines have";
  }
  if (/ENOTFOUND|EAI_AGAIN/.test(why)) return "the name does not resolve here: give an address";
  return "nothing comes back: a firewall, or a network that this machine is not in; choose another --interface";
}
