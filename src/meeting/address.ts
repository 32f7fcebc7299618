// Addresses: of a network interface, in a WebSocket URL, and the list that a scheduler publishes.

import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The address of a network interface: its first IPv4 address, else its first IPv6 address that is not
 * link-local. A link-local address needs a zone, which a URL cannot carry.
 *
 * @throws {Error} naming the usable interfaces, when this one has no such address
 * @example addressOfInterface("ib0") // "10.1.0.7"
 */
export function addressOfInterface(
  name: string,
  interfaces: Interfaces = networkInterfaces(),
): string {
  const address = usable(interfaces[name])[0];
  if (address !== undefined) return address;
  const known = Object.keys(interfaces)
    .map((other) => ({ other, address: usable(interfaces[other])[0] }))
    .filter((entry) => entry.address !== undefined)
    .map((entry) => `${entry.other} (${entry.address})`);
  const problem = interfaces[name] ? "has no usable address" : "is not on this machine";
  throw new Error(`network interface "${name}" ${problem}; there are: ${known.join(", ")}`);
}

/** Makes a WebSocket URL, with brackets around an IPv6 address. */
export function webSocketUrl(host: string, port: number): string {
  return `ws://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * The URLs at which others reach a server that listens on `host`, the best first. For a server on
 * all addresses, external ones come before loopback, and IPv4 before IPv6.
 */
export function reachableUrls(
  host: string,
  port: number,
  interfaces: Interfaces = networkInterfaces(),
): string[] {
  if (host !== "0.0.0.0" && host !== "::") return [webSocketUrl(host, port)];
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const outside = usable(all.filter((entry) => !entry.internal));
  const loopback = usable(all.filter((entry) => entry.internal));
  return [...outside, ...loopback]
    .filter((address) => host === "::" || !address.includes(":"))
    .map((address) => webSocketUrl(address, port));
}

function usable(addresses: readonly NetworkInterfaceInfo[] = []): string[] {
  const ofFamily = (family: "IPv4" | "IPv6") =>
    addresses.filter((entry) => entry.family === family).map((entry) => entry.address);
  return [
    ...ofFamily("IPv4"),
    ...ofFamily("IPv6").filter((address) => !/^fe[89ab]/i.test(address)),
  ];
}
