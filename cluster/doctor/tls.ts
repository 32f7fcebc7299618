// What `thence doctor` says of the encryption of a connection.

import { splitPin } from "../../src/link/pin.ts";
import { isLoopback } from "../../src/meeting/loopback.ts";
import { timestamp } from "../../src/timers.ts";
import type { Subject } from "./findings.ts";

const dayMs = 86_400_000;
/** With fewer days left than this, a certificate is to be replaced. */
const fewDays = 30;

/** @param validTo the end of the certificate, in milliseconds since 1970; undefined without TLS */
export function examineTls(subject: Subject, address: string, validTo: number | undefined): void {
  const { fingerprint } = splitPin(address);
  if (validTo === undefined) {
    if (isLoopback(address)) return subject.ok("no TLS, on loopback");
    const advice = "start the scheduler without --tls off, unless you trust its whole network";
    return subject.warn("no TLS: the network can read and change arguments and results", advice);
  }
  const days = Math.floor((validTo - timestamp()) / dayMs);
  const left = days < 0 ? "has expired" : `is valid for ${days === 1 ? "1 day" : `${days} days`}`;
  const text = `TLS, with a certificate that ${left}`;
  // Who knows the certificate by its fingerprint does not look at its dates.
  if (fingerprint === undefined && days < fewDays) {
    subject.warn(text, "start the scheduler with a new certificate");
  } else subject.ok(fingerprint === undefined ? text : `${text}, named by the address`);
}
