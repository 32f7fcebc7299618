// Addresses: of a network interface, in a WebSocket URL, and the list that a scheduler publishes.

import { hostname, networkInterfaces, type NetworkInterfaceInfo } from "node:os";

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The address of a network interface: its first IPv4 address, else its first IPv6 address that is not
 * link-local. A link-local address needs a zone, which a URL cannot carry.
 *
 * @throws {Error} naming the machine and its usable interfaces, when this one has no such address
 * @example addressOfInterface("ib0") // "10.1.0.7"
 */
export function addressOfInterface(
  name: string,
  interfaces: Interfaces = networkInterfaces(),
): string {
  const address = usableAddresses(interfaces[name])[0];
  if (address !== undefined) return address;
  const known = Object.keys(interfaces)
    .map((other) => ({ other, address: usableAddresses(interfaces[other])[0] }))
    .filter((entry) => entry.address !== undefined)
    .map((entry) => `${entry.other} (${entry.address})`);
  const machine = process.env.SLURMD_NODENAME || hostname();
  const problem = interfaces[name] ? "has no usable address on" : "is not on";
  throw new Error(
    `network interface "${name}" ${problem} ${machine}; there are: ${known.join(", ")}`,
  );
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
  const outside = usableAddresses(all, { internal: false });
  const loopback = usableAddresses(all, { internal: true });
  return [...outside, ...loopback]
    .filter((address) => host === "::" || !address.includes(":"))
    .map((address) => webSocketUrl(address, port));
}

/**
 * The addresses that a URL can carry, IPv4 first.
 *
 * @param options `internal`: those of loopback only, or none of these; default: all
 */
export function usableAddresses(
  addresses: readonly NetworkInterfaceInfo[] = [],
  { internal }: { internal?: boolean } = {},
): string[] {
  const wanted = addresses.filter((entry) => internal === undefined || entry.internal === internal);
  const ofFamily = (family: "IPv4" | "IPv6") =>
    wanted.filter((entry) => entry.family === family).map((entry) => entry.address);
  return [
    ...ofFamily("IPv4"),
    ...ofFamily("IPv6").filter((address) => !/^fe[89ab]/i.test(address)),
  ];
}
