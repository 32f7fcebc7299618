// Addresses of network interfaces, and their URLs.

import type { NetworkInterfaceInfo } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  addressOfInterface,
  reachableUrls,
  webSocketUrl,
  type Interfaces,
} from "../../../src/meeting/address.ts";
import { isLoopback } from "../../../src/meeting/loopback.ts";

function entry(address: string, internal = false): NetworkInterfaceInfo {
  const rest = { address, netmask: "", mac: "", internal, cidr: null };
  return address.includes(":")
    ? { ...rest, family: "IPv6", scopeid: 0 }
    : { ...rest, family: "IPv4" };
}

const interfaces: Interfaces = {
  lo: [entry("127.0.0.1", true), entry("::1", true)],
  eth0: [entry("fe80::1"), entry("2001:db8::7"), entry("192.0.2.7")],
  ib0: [entry("fe80::2"), entry("2001:db8::9")],
  tun0: [entry("fe80::3")],
};

describe("the address of an interface", () => {
  afterEach(() => void vi.unstubAllEnvs());

  test("is its IPv4 one when it has both kinds", () => {
    expect(addressOfInterface("eth0", interfaces)).toBe("192.0.2.7");
  });

  test("is its IPv6 one otherwise, and not the link-local one", () => {
    expect(addressOfInterface("ib0", interfaces)).toBe("2001:db8::9");
  });

  test("is asked for by name, and an unknown name is told the known ones of this node", () => {
    vi.stubEnv("SLURMD_NODENAME", "n2");
    expect(() => addressOfInterface("ib1", interfaces)).toThrow(
      'network interface "ib1" is not on n2; there are: ' +
        "lo (127.0.0.1), eth0 (192.0.2.7), ib0 (2001:db8::9)",
    );
  });

  test("does not exist when all it has is link-local", () => {
    expect(() => addressOfInterface("tun0", interfaces)).toThrow('"tun0" has no usable address');
  });

  test("is found on this very machine", () => {
    expect(addressOfInterface("lo")).toBe("127.0.0.1");
  });
});

test("a URL puts an IPv6 address in brackets", () => {
  expect(webSocketUrl("10.0.0.7", 8786)).toBe("ws://10.0.0.7:8786");
  expect(webSocketUrl("::1", 8786)).toBe("ws://[::1]:8786");
  expect(webSocketUrl("localhost", 0)).toBe("ws://localhost:0");
});

describe("the URLs that others are told", () => {
  test("are the one address that is listened on", () => {
    expect(reachableUrls("10.0.0.7", 1, interfaces)).toEqual(["ws://10.0.0.7:1"]);
  });

  test("are every IPv4 address for 0.0.0.0, the outside ones first", () => {
    expect(reachableUrls("0.0.0.0", 1, interfaces)).toEqual([
      "ws://192.0.2.7:1",
      "ws://127.0.0.1:1",
    ]);
  });

  test("are every address but the link-local ones for ::", () => {
    expect(reachableUrls("::", 1, interfaces)).toEqual([
      "ws://192.0.2.7:1",
      "ws://[2001:db8::7]:1",
      "ws://[2001:db8::9]:1",
      "ws://127.0.0.1:1",
      "ws://[::1]:1",
    ]);
  });
});

test.each([
  ["ws://127.0.0.1:1", true],
  ["ws://[::1]:1", true],
  ["wss://localhost:1/", true],
  ["ws://10.1.0.7:1", false],
  ["ws://n127.0.0.1.example:1", false],
])("%s leads to whoever uses it: %s", (url, expected) => {
  expect(isLoopback(url)).toBe(expected);
});
