// Whether a process that listens speaks TLS. By default it does, except on loopback, where only its own machine
// could listen in.

import { makeCredentials, type Credentials } from "./certificate.ts";
import { webSocketUrl } from "./address.ts";
import { isLoopback } from "./loopback.ts";

export const tlsModes = ["on", "off"] as const;
/** Off, on with a certificate that is made at the start, or on with one of the site. */
export type Tls = (typeof tlsModes)[number] | Credentials;

/**
 * The certificate of a process that listens on `host`; undefined without TLS.
 *
 * @param make where a certificate of its own comes from
 */
export async function credentialsFor(
  host: string,
  tls: Tls | undefined,
  make: () => Promise<Credentials> = makeCredentials,
): Promise<Credentials | undefined> {
  if (typeof tls === "object") return tls;
  const isOn = tls === undefined ? !isLoopbackHost(host) : tls === "on";
  return isOn ? make() : undefined;
}

/** What others can do who are on the network of a process that listens on `host`; undefined when nothing. */
export function exposedBy(host: string, credentials: Credentials | undefined): string | undefined {
  if (credentials !== undefined || isLoopbackHost(host)) return undefined;
  return (
    "TLS is off: whoever is on the network can read and change arguments, results and output, and so choose what " +
    "the workers run"
  );
}

function isLoopbackHost(host: string): boolean {
  return isLoopback(webSocketUrl(host, 1));
}
