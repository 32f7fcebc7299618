// The certificates of a site: that of a process that listens, with its key, and those of authorities.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { timestamp } from "../timers.ts";
import type { Credentials } from "./certificate.ts";

/**
 * Reads the certificate and the key of a site.
 *
 * @throws {Error} when a file cannot be read or is of another kind, when the key is of another certificate, or
 *   when that has expired
 */
export async function readCredentials(certFile: string, keyFile: string): Promise<Credentials> {
  const cert = await contentOf(certFile, "certificate");
  const key = await contentOf(keyFile, "key");
  const certificate = readOr(
    () => new X509Certificate(cert),
    `${certFile} is no certificate as PEM`,
  );
  const privateKey = readOr(() => createPrivateKey(key), `${keyFile} is no key as PEM`);
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
  const text = readOr(
    () => readFileSync(path, "utf8"),
    "cannot read the certificates of an authority",
  );
  readOr(() => new X509Certificate(text), `${path} is no certificate as PEM`);
  return text;
}

function contentOf(path: string, what: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(`cannot read the ${what}: ${(error as Error).message}`, { cause: error });
  });
}

function readOr<Result>(read: () => Result, otherwise: string): Result {
  try {
    return read();
  } catch (error) {
    throw new Error(`${otherwise}: ${(error as Error).message}`, { cause: error });
  }
}
