// The rule by which a scheduler chooses the address that it listens on.

import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { listenAddress, type Machine } from "../../cluster/listen-address.ts";
import type { Interfaces } from "../../src/meeting/address.ts";

function entry(address: string, internal = false): NetworkInterfaceInfo {
  return { address, family: "IPv4", netmask: "", mac: "", internal, cidr: null };
}

const lo = [entry("127.0.0.1", true)];
const eth0 = [entry("192.0.2.7")];
const eth1 = [entry("198.51.100.7")];
const ib0 = [entry("10.1.0.7")];
const named = { SLURMD_NODENAME: "n1" };

/** Interfaces, what the node's name resolves to, the default route, and what is chosen. */
type Row = [string, Interfaces, Partial<Machine>, string, RegExp];

test.each<Row>([
  [
    "the interface that $THENCE_INTERFACE names",
    { lo, eth0, ib0 },
    { environment: { THENCE_INTERFACE: "eth0" } },
    "192.0.2.7",
    /as \$THENCE_INTERFACE says/,
  ],
  ["a fast network", { lo, eth0, hsn0: ib0 }, {}, "10.1.0.7", /hsn0 .*a fast network/],
  [
    "a fast network that has an address",
    { lo, ib0: [], eth0 },
    { defaultRoute: "eth0" },
    "192.0.2.7",
    /default route/,
  ],
  [
    "what the node's name resolves to",
    { lo, eth0, eth1 },
    { environment: named, resolve: async () => ["198.51.100.7"], defaultRoute: "eth0" },
    "198.51.100.7",
    /eth1 .*this node's name, n1/,
  ],
  [
    "the default route, when the name means loopback",
    { lo, eth0, eth1 },
    { environment: named, resolve: async () => ["127.0.0.1", "127.0.1.1"], defaultRoute: "eth1" },
    "198.51.100.7",
    /eth1 .*default route/,
  ],
  ["any interface that others can reach", { lo, eth0 }, {}, "192.0.2.7", /eth0/],
])("between several nodes it is %s", async (_, interfaces, machine, host, why) => {
  const chosen = await listenAddress(2, { ...nothing, interfaces, ...machine });
  expect(chosen.host).toBe(host);
  expect(chosen.why).toMatch(why);
  expect(chosen.isUnreachable).toBeUndefined();
});

test("on one node it is loopback, whatever else there is", async () => {
  const chosen = await listenAddress(1, { ...nothing, interfaces: { lo, ib0 } });
  expect(chosen.host).toBe("127.0.0.1");
});

test("a node without a network says that the others cannot reach it", async () => {
  const chosen = await listenAddress(2, { ...nothing, interfaces: { lo } });
  expect(chosen).toMatchObject({ host: "127.0.0.1", isUnreachable: true });
});

test("an interface that is not there is refused, with those that are", async () => {
  const machine = {
    ...nothing,
    interfaces: { lo, eth0 },
    environment: { THENCE_INTERFACE: "ib1" },
  };
  await expect(listenAddress(2, machine)).rejects.toThrow(/"ib1" .*there are: lo .*eth0/);
});

const nothing: Machine = {
  environment: {},
  interfaces: {},
  resolve: async () => [],
  defaultRoute: undefined,
};
