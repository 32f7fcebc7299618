// Addresses that name a certificate.

import { expect, test } from "vitest";
import { fingerprintOf, splitPin, withoutPin, withPin } from "../../../src/link/pin.ts";
import { transferAddress } from "../../../src/transfer/messages.ts";

const fingerprint = "0123456789abcdef".repeat(4);
const pinned = `wss://10.1.0.7:8786#sha256=${fingerprint}`;

test("an address carries the fingerprint of a certificate, and gives it back", () => {
  expect(withPin("ws://10.1.0.7:8786", fingerprint)).toBe(pinned);
  expect(withPin(pinned, "f".repeat(64))).toBe(`wss://10.1.0.7:8786#sha256=${"f".repeat(64)}`);
  expect(splitPin(pinned)).toEqual({ url: "wss://10.1.0.7:8786", fingerprint });
  expect(splitPin("ws://10.1.0.7:8786")).toEqual({ url: "ws://10.1.0.7:8786" });
  expect(withoutPin(pinned)).toBe("wss://10.1.0.7:8786");
});

test("the fingerprint may be written as OpenSSL writes it", () => {
  const written = fingerprint.toUpperCase().match(/../g)!.join(":");
  expect(fingerprintOf(written)).toBe(fingerprint);
  expect(splitPin(`wss://10.1.0.7:8786#sha256=${written}`).fingerprint).toBe(fingerprint);
});

test("the address of the values at a scheduler names the same certificate", () => {
  expect(transferAddress(pinned)).toBe(`wss://10.1.0.7:8786/data#sha256=${fingerprint}`);
  expect(transferAddress("ws://10.1.0.7:8786/")).toBe("ws://10.1.0.7:8786/data");
});

test.each([
  ["wss://h:1#", "64 digits"],
  ["wss://h:1#sha256=abc", "64 digits"],
  [`wss://h:1#sha1=${fingerprint}`, "64 digits"],
  [`wss://h:1#sha256=${fingerprint}00`, "64 digits"],
  [`wss://h:1#sha256=${fingerprint.slice(1)}g`, "64 digits"],
  [`ws://h:1#sha256=${fingerprint}`, "write wss:"],
])("%s is refused", (address, why) => {
  expect(() => splitPin(address)).toThrow(why);
});
