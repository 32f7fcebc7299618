// certificate.pem: the key and the certificate of the scheduler of a journal. Its successors have the same ones, for
// peers know the certificate by its fingerprint.

import { join } from "node:path";
import type { Credentials } from "../../src/meeting/certificate.ts";
import { readText, realDisk, writeAll, writeWhole } from "./disk.ts";
import { journalErrorOf } from "./journal-error.ts";

/**
 * Reads them, or keeps those that `make` makes. The journal must be open.
 *
 * @throws {JournalError} when the disk refuses
 */
export async function keptCredentials(
  directory: string,
  make: () => Promise<Credentials>,
): Promise<Credentials> {
  const path = join(directory, "certificate.pem");
  try {
    const found = parsed(readText(realDisk, path) ?? "");
    if (found !== undefined) return found;
    const { key, cert } = await make();
    writeWhole(realDisk, path, (file) => {
      writeAll(realDisk, file, [Buffer.from(`${key.trim()}\n${cert.trim()}\n`)], 0);
    });
    return { key, cert };
  } catch (error) {
    throw journalErrorOf(`keep the certificate in ${path}`, error);
  }
}

function parsed(text: string): Credentials | undefined {
  const [, key, cert] =
    /^(-+BEGIN PRIVATE KEY-+\n.*-+END PRIVATE KEY-+\n)(-+BEGIN CERTIFICATE-+\n.*-+END CERTIFICATE-+\n)$/s.exec(
      text,
    ) ?? [];
  return key !== undefined && cert !== undefined ? { key, cert } : undefined;
}
