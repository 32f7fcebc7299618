// Whom a dialler trusts at the other end of a TLS connection, before it has sent anything: whoever has the
// certificate that the address names, or one that the given authority vouches for. Of anybody else the certificate
// is only noted: the proof of the token covers it (`Socket.binding`).

import {
  createSecureContext,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { fingerprintOf } from "./pin.ts";

export type Trust = {
  /** See `splitPin`. With it, neither names nor dates nor authorities matter. */
  readonly fingerprint?: string | undefined;
  /** Certificates of authorities, PEM: one of them has to vouch for an address without a fingerprint. */
  readonly ca?: string | undefined;
};

/** The options of a TLS connection, for `distrust` to judge who answers. */
export function tlsOptionsFor({ fingerprint, ca }: Trust): ConnectionOptions {
  if (fingerprint === undefined && ca !== undefined) return { minVersion: "TLSv1.3", ca };
  // Each context of its own would cost as much as a handshake.
  withoutAuthorities ??= createSecureContext({ minVersion: "TLSv1.3", ca: [] });
  return { secureContext: withoutAuthorities, rejectUnauthorized: false };
}

let withoutAuthorities: SecureContext | undefined;

/**
 * Why the other end is not trusted, or undefined.
 *
 * @param seen the fingerprint of the certificate at the other end, once the connection is secure
 */
export function distrust(seen: string | undefined, { fingerprint }: Trust): string | undefined {
  if (fingerprint === undefined || seen === fingerprint) return undefined;
  return "somebody else answers there: the certificate is not the one that the address names";
}

/** The fingerprint of the certificate at the other end, once the connection is secure. */
export function seenAt(stream: TLSSocket): string | undefined {
  const { fingerprint256: digits } = stream.getPeerCertificate() as Partial<PeerCertificate>;
  return digits === undefined ? undefined : fingerprintOf(digits);
}

/** What Node adds to an error of a name that the certificate does not have. */
type TlsError = NodeJS.ErrnoException & {
  readonly host?: string;
  readonly cert?: { readonly subjectaltname?: string };
};

/** An error of a TLS connection in words, with what to do; undefined when it is of another kind. */
export function describeTlsError({ code = "", host, cert }: TlsError): string | undefined {
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)/.test(code) || code === "EPROTO") {
    return "there is no TLS at this address: write ws: in place of wss:";
  }
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate is for other names than the one dialled: for ${cert?.subjectaltname ?? "none"}, and not for ${host}`;
    case "CERT_HAS_EXPIRED":
      return "the certificate has expired: start the scheduler with a new one";
    case "CERT_NOT_YET_VALID":
      return "the certificate is not valid yet: compare the clocks of the two machines";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return (
        "no known authority vouches for the certificate: give the scheduler file, or the whole address that is in it " +
        "(wss://…#sha256=…), or --tls-ca for the authority of your site"
      );
    default:
      return undefined;
  }
}
