// The address that a scheduler listens on when nobody chose one: loopback where its workers are on the
// same machine, else the address by which the other nodes of a job most likely reach this one.

import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { addressOfInterface, usableAddresses, type Interfaces } from "../src/meeting/address.ts";

export type ListenAddress = {
  readonly host: string;
  /** For the log: which address it is, why, and how to choose another. */
  readonly why: string;
  /** Other machines cannot reach it, though they have to. */
  readonly isUnreachable?: true;
};

/** What the choice depends on. */
export type Machine = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly interfaces: Interfaces;
  /** The addresses of a name of this machine; none when it does not resolve. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** The interface of the default route. */
  readonly defaultRoute: string | undefined;
};

/** Interfaces of fast networks: InfiniBand, Slingshot, Omni-Path. */
const fastInterface = /^(ib|hsn|opa|hfi)/;

const advice = "--interface or $THENCE_INTERFACE chooses another";

/**
 * The first of: the interface that `$THENCE_INTERFACE` names; loopback when there is one node; a fast
 * network's interface; the address of this node's own name; the interface of the default route; any
 * other interface.
 *
 * @param nodes the number of machines that have to reach the address, this one too
 * @throws {Error} when the interface that `$THENCE_INTERFACE` names is not there
 */
export async function listenAddress(
  nodes: number,
  machine: Machine = thisMachine(),
): Promise<ListenAddress> {
  const { environment, interfaces } = machine;
  const named = environment.THENCE_INTERFACE;
  if (named) {
    const host = addressOfInterface(named, interfaces);
    return { host, why: `listens on ${named} (${host}), as $THENCE_INTERFACE says` };
  }
  if (nodes <= 1) {
    return { host: "127.0.0.1", why: `listens on loopback: nothing runs elsewhere; ${advice}` };
  }
  const outside = Object.keys(interfaces)
    .map((name) => ({ name, host: usableAddresses(interfaces[name], { internal: false })[0] }))
    .filter((entry): entry is { name: string; host: string } => entry.host !== undefined);
  const chosen = (name: string, host: string, reason: string): ListenAddress => ({
    host,
    why: `listens on ${name} (${host}), ${reason}; ${advice}`,
  });

  const fast = outside.find(({ name }) => fastInterface.test(name));
  if (fast) return chosen(fast.name, fast.host, "a fast network of this node");
  for (const name of [environment.SLURMD_NODENAME, hostname()]) {
    const addresses = name ? await machine.resolve(name) : [];
    const own = Object.keys(interfaces).find((each) =>
      usableAddresses(interfaces[each], { internal: false }).some((at) => addresses.includes(at)),
    );
    if (own === undefined) continue;
    const host = addresses.find((at) => usableAddresses(interfaces[own]).includes(at))!;
    return chosen(own, host, `the address of this node's name, ${name}`);
  }
  const route = outside.find(({ name }) => name === machine.defaultRoute) ?? outside[0];
  if (route) return chosen(route.name, route.host, "the interface of the default route");
  return {
    host: "127.0.0.1",
    why: "listens on loopback, which the other nodes cannot reach: this node has no other interface",
    isUnreachable: true,
  };
}

function thisMachine(): Machine {
  return {
    environment: process.env,
    interfaces: networkInterfaces(),
    resolve: (name) =>
      lookup(name, { all: true }).then(
        (found) => found.map(({ address }) => address),
        () => [],
      ),
    defaultRoute: defaultRoute(),
  };
}

/** On Linux; undefined elsewhere and when there is none. */
function defaultRoute(): string | undefined {
  try {
    const routes = readFileSync("/proc/net/route", "utf8");
    return /^(\S+)\s+00000000\s/m.exec(routes)?.[1];
  } catch {
    return undefined;
  }
}
