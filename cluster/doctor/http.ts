// Asks a scheduler for a public page over HTTP: a link would retry, and hide what an attempt met.

import { once } from "node:events";
import { get as getPlain, type IncomingMessage } from "node:http";
import { get as getByTls } from "node:https";
import { text as textOf } from "node:stream/consumers";
import { describeDuration } from "../../src/duration.ts";
import { clearTimeout, now, setTimeout } from "../../src/timers.ts";

export type Answer =
  | { readonly status: number; readonly text: string; readonly tookMs: number }
  | { readonly status?: undefined; readonly why: string; readonly tookMs: number };

/** @param url of a WebSocket, whose port serves HTTP too */
export async function ask(
  url: string,
  path: string,
  { timeoutMs }: { timeoutMs: number },
): Promise<Answer> {
  const began = now();
  const tookMs = () => Math.round(now() - began);
  const address = new URL(path, `${url.replace(/^ws/, "http").replace(/\/?$/, "/")}`);
  const get = address.protocol === "https:" ? getByTls : getPlain;
  // `fetch` would refuse some ports, and take its time to load.
  const request = get(address, { agent: false });
  const late = setTimeout(
    () => request.destroy(new Error(`no answer within ${describeDuration(timeoutMs)}`)),
    timeoutMs,
  );
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return { status: response.statusCode ?? 0, text: await textOf(response), tookMs: tookMs() };
  } catch (error) {
    return { why: (error as Error).message, tookMs: tookMs() };
  } finally {
    clearTimeout(late);
  }
}

/** What most often is behind such a reason. */
export function adviceFor(why: string): string {
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
