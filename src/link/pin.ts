// Addresses with a pin: `wss://10.1.0.7:8786#sha256=…` names the certificate of whoever listens there by its
// SHA-256, in hexadecimal. Whoever dials such an address needs no authority that knows the certificate.

/** @param fingerprint 64 hexadecimal digits */
export function withPin(url: string, fingerprint: string): string {
  return `${withoutPin(url).replace(/^ws:/, "wss:")}#sha256=${fingerprint}`;
}

export type PinnedUrl = { readonly url: string; readonly fingerprint?: string };

/** @throws {RangeError} when there is something else than a pin after the `#`, or a pin without TLS */
export function splitPin(address: string): PinnedUrl {
  const [url, pin] = address.split("#", 2) as [string, string?];
  if (pin === undefined) return { url };
  const [, digits] = /^sha256=([\da-f:]+)$/i.exec(pin) ?? [];
  const fingerprint = digits && fingerprintOf(digits);
  if (fingerprint?.length !== 64) {
    throw new RangeError(
      `after the # of ${url} belongs the fingerprint of a certificate: sha256= and 64 digits`,
    );
  }
  if (!url.startsWith("wss:")) {
    throw new RangeError(`write wss: in ${url}: a fingerprint is of a certificate, so of TLS`);
  }
  return { url, fingerprint };
}

/** The address for people, and for what is built from it. */
export function withoutPin(address: string): string {
  return address.split("#", 1)[0]!;
}

/** A fingerprint as Node and OpenSSL write it, `AB:CD:…`, in the form of a pin. */
export function fingerprintOf(digits: string): string {
  return digits.replaceAll(":", "").toLowerCase();
}
