// Whether a process that listens speaks TLS. By default it does, except on loopback, where only its own machine
// could listen in.

import { makeCredentials, type Credentials } from "./certificate.ts";
import { webSocketUrl } from "./address.ts";
import type { Warn } from "./exposure.ts";
import { isLoopback } from "./loopback.ts";

export const tlsModes = ["on", "off"] as const;
/** Off, on with a certificate that is made at the start, or on with one of the site. */
export type Tls = (typeof tlsModes)[number] | Credentials;

/**
 * The certificate of a process that listens on `host`; undefined without TLS.
 *
 * @param warn hears what others on the network can do, when TLS is off and that is more than nothing
 * @param make where a certificate of its own comes from
 */
export async function credentialsFor(
  host: string,
  tls: Tls | undefined,
  warn: Warn,
  make: () => Promise<Credentials> = makeCredentials,
): Promise<Credentials | undefined> {
  if (typeof tls === "object") return tls;
  const isOn = tls === undefined ? !isLoopbackHost(host) : tls === "on";
  if (isOn) return make();
  if (!isLoopbackHost(host)) {
    warn(
      "TLS is off: whoever is on the network can read and change arguments, results and output, and so choose what " +
        "the workers run",
    );
  }
  return undefined;
}

function isLoopbackHost(host: string): boolean {
  return isLoopback(webSocketUrl(host, 1));
}
