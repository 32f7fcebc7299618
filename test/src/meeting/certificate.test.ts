// Certificates that a process makes for itself, and those of a site.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprintOfCertificate, makeCredentials } from "../../../src/meeting/certificate.ts";
import { readAuthorities, readCredentials } from "../../../src/meeting/site-certificate.ts";
import { credentialsFor } from "../../../src/meeting/tls.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileWith(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

test("a certificate that is made is of its key, signed by it, and for the names of this machine", async () => {
  const { cert, key } = await makeCredentials();
  const certificate = new X509Certificate(cert);
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.checkHost(hostname())).toBe(hostname());
  expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
  const days = (certificate.validToDate.getTime() - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(1_800);
  // The clocks of a cluster differ.
  expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now() - 3_600_000);
  expect(fingerprintOfCertificate(cert)).toMatch(/^[\da-f]{64}$/);
});

test("no two are the same", async () => {
  const [one, other] = [await makeCredentials(), await makeCredentials()];
  expect(one.key).not.toBe(other.key);
  const serial = ({ cert }: { cert: string }) => new X509Certificate(cert).serialNumber;
  expect(serial(one)).not.toBe(serial(other));
});

describe("the files of a site", () => {
  test("are read", async () => {
    const made = await makeCredentials();
    const [cert, key] = [await fileWith("c", made.cert), await fileWith("k", made.key)];
    expect(await readCredentials(cert, key)).toEqual(made);
    expect(readAuthorities(cert)).toBe(made.cert);
  });

  test("are refused in words when something is wrong with them", async () => {
    const [made, other] = [await makeCredentials(), await makeCredentials()];
    const old = await makeCredentials({ validDays: -1 });
    const [cert, key] = [await fileWith("c", made.cert), await fileWith("k", made.key)];
    const otherKey = await fileWith("other", other.key);
    await expect(readCredentials(cert, otherKey)).rejects.toThrow("is not the one of the cert");
    await expect(readCredentials(key, key)).rejects.toThrow("is no certificate as PEM");
    await expect(readCredentials(cert, cert)).rejects.toThrow("is no key as PEM");
    await expect(readCredentials(path.join(folder, "none"), key)).rejects.toThrow("cannot read");
    await expect(
      readCredentials(await fileWith("oldc", old.cert), await fileWith("oldk", old.key)),
    ).rejects.toThrow("has expired");
    expect(() => readAuthorities(key)).toThrow("is no certificate as PEM");
    expect(() => readAuthorities(path.join(folder, "none"))).toThrow(
      "cannot read the certificates",
    );
  });
});

describe("whether a process that listens speaks TLS", () => {
  const never = (text: string) => expect.unreachable(text);

  test.each(["127.0.0.1", "127.8.0.1", "::1", "localhost"])(
    "by default not on %s",
    async (host) => {
      expect(await credentialsFor(host, undefined, never)).toBeUndefined();
      expect(await credentialsFor(host, "off", never)).toBeUndefined();
      expect(await credentialsFor(host, "on", never)).toBeDefined();
    },
  );

  test.each(["0.0.0.0", "::", "10.1.0.7", "fd00::2", "n7.cluster"])(
    "by default on %s",
    async (host) => {
      expect(await credentialsFor(host, undefined, never)).toBeDefined();
      const warnings: string[] = [];
      expect(await credentialsFor(host, "off", (text) => warnings.push(text))).toBeUndefined();
      expect(warnings).toEqual([expect.stringContaining("TLS is off: whoever is on the network")]);
    },
  );

  test("with the certificate of the site, when there is one", async () => {
    const made = await makeCredentials();
    expect(await credentialsFor("127.0.0.1", made, never)).toBe(made);
  });
});
