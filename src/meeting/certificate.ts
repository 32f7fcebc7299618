// Certificates: one that a process makes for itself at its start, and those of a site. Nobody has to know the
// authority of a self-made one, because its peers know its fingerprint, or make its owner prove the token.

import { createPrivateKey, generateKeyPair, randomBytes, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { timestamp } from "../timers.ts";
import { fingerprintOf } from "../link/pin.ts";
import { usableAddresses } from "./address.ts";

/** A certificate, or a chain that begins with it, and its key; PEM. */
export type Credentials = { readonly cert: string; readonly key: string };

const dayMs = 86_400_000;
const ecdsaWithSha256 = "1.2.840.10045.4.3.2";
const commonName = "2.5.4.3";
const serverAuthentication = "1.3.6.1.5.5.7.3.1";

/**
 * Makes a key on the curve P-256, and a certificate for it.
 *
 * @param options `names`: what others call this machine, by default its name and its addresses; `validDays`: by
 *   default five years
 */
export async function makeCredentials({
  names = ownNames(),
  validDays = 1_825,
}: { names?: readonly string[]; validDays?: number } = {}): Promise<Credentials> {
  // Few processes need this, and it takes a while to load.
  const x509 = await import("@peculiar/asn1-x509");
  const { AsnConvert, OctetString } = await import("@peculiar/asn1-schema");
  const { publicKey, privateKey } = await promisify(generateKeyPair)("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const extension = (extnID: string, value: unknown, critical = false) => {
    const extnValue = new OctetString(AsnConvert.serialize(value));
    return new x509.Extension({ extnID, critical, extnValue });
  };
  const name = new x509.Name([
    new x509.RelativeDistinguishedName([
      new x509.AttributeTypeAndValue({
        type: commonName,
        value: new x509.AttributeValue({ utf8String: "thence" }),
      }),
    ]),
  ]);
  const serial = randomBytes(16);
  // Of a number with the highest bit set, the sign would be negative.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const signatureAlgorithm = new x509.AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
  const tbsCertificate = new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: exactBytes(serial),
    signature: signatureAlgorithm,
    issuer: name,
    subject: name,
    validity: new x509.Validity({
      // The clocks of a cluster differ.
      notBefore: new Date(timestamp() - 2 * dayMs),
      notAfter: new Date(timestamp() + validDays * dayMs),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(publicKey, x509.SubjectPublicKeyInfo),
    extensions: new x509.Extensions([
      extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: false }), true),
      extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage([serverAuthentication])),
      extension(
        x509.id_ce_subjectAltName,
        new x509.SubjectAlternativeName(
          names.map((each) =>
            isIP(each)
              ? new x509.GeneralName({ iPAddress: each })
              : new x509.GeneralName({ dNSName: each }),
          ),
        ),
      ),
    ]),
  });
  const signed = Buffer.from(AsnConvert.serialize(tbsCertificate));
  const certificate = new x509.Certificate({
    tbsCertificate,
    signatureAlgorithm,
    signatureValue: exactBytes(sign("sha256", signed, createPrivateKey(privateKey))),
  });
  const der = Buffer.from(AsnConvert.serialize(certificate));
  return { cert: new X509Certificate(der).toString(), key: privateKey };
}

/** The SHA-256 of a certificate, as in a pin. */
export function fingerprintOfCertificate(cert: string): string {
  return fingerprintOf(new X509Certificate(cert).fingerprint256);
}

/**
 * Reads the certificate and the key of a site.
 *
 * @throws {Error} when a file cannot be read or is of another kind, when the key is of another certificate, or
 *   when that has expired
 */
export async function readCredentials(certFile: string, keyFile: string): Promise<Credentials> {
  const cert = await contentOf(certFile, "certificate");
  const key = await contentOf(keyFile, "key");
  const certificate = asked(
    () => new X509Certificate(cert),
    `${certFile} is no certificate as PEM`,
  );
  const privateKey = asked(() => createPrivateKey(key), `${keyFile} is no key as PEM`);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`the key in ${keyFile} is not the one of the certificate in ${certFile}`);
  }
  if (certificate.validToDate.getTime() <= timestamp()) {
    throw new Error(`the certificate in ${certFile} has expired, on ${certificate.validTo}`);
  }
  return { cert, key };
}

/**
 * Reads the certificates of authorities.
 *
 * @throws {Error} when the file cannot be read, or has none
 */
export function readAuthorities(path: string): string {
  const text = asked(
    () => readFileSync(path, "utf8"),
    "cannot read the certificates of an authority",
  );
  asked(() => new X509Certificate(text), `${path} is no certificate as PEM`);
  return text;
}

function contentOf(path: string, what: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(`cannot read the ${what}: ${(error as Error).message}`, { cause: error });
  });
}

function asked<Result>(read: () => Result, otherwise: string): Result {
  try {
    return read();
  } catch (error) {
    throw new Error(`${otherwise}: ${(error as Error).message}`, { cause: error });
  }
}

function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => usableAddresses(all));
  return [...new Set([hostname(), "localhost", ...addresses])];
}

/** Of a view on a larger buffer, the ASN.1 writer would take all. */
function exactBytes({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
