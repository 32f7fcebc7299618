// The worker's port for results: other workers and clients fetch from it what this worker holds. Every
// connection must prove the full token of the cluster.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { ConnectionError } from "../../src/errors/errors.ts";
import type { Socket } from "../../src/link/socket.ts";
import { withPin } from "../../src/link/pin.ts";
import { fingerprintOfCertificate } from "../../src/meeting/certificate.ts";
import { credentialsFor, type Tls } from "../../src/meeting/tls.ts";
import { webSocketUrl } from "../../src/meeting/address.ts";
import { transferPath } from "../../src/link/purpose.ts";
import { upgradeDoorkeeper } from "../../src/meeting/door.ts";
import { startUpgradeServer } from "../../src/meeting/upgrade-server.ts";

export type PeerServer = {
  /** The URL for other workers and clients: ws://…, or wss://… with the fingerprint of its certificate. */
  readonly address: string;
  close(): Promise<void>;
};

export type PeerServerOptions = {
  /** The address of this machine to listen on. */
  host: string;
  tls?: Tls | undefined;
  /** Hears what is exposed when TLS is off. */
  warn: (text: string) => void;
  token: () => string | undefined;
  accept: (socket: Socket) => void;
  turnedAway: (why: string) => void;
};

/**
 * Listens on a free port.
 *
 * @throws {ConnectionError} when it cannot listen on this host
 */
export async function startPeerServer(options: PeerServerOptions): Promise<PeerServer> {
  const { host, tls, warn, token, accept, turnedAway } = options;
  const credentials = await credentialsFor(host, tls, warn);
  try {
    const server = await startUpgradeServer({
      host,
      port: 0,
      credentials,
      doorkeeper: upgradeDoorkeeper(credentials ? "https" : "http", "worker"),
      tokenFor: (right, purpose) => (right === "full" && purpose === "data" ? token() : undefined),
      respond(_, response) {
        response.writeHead(404, { connection: "close" });
        response.end("This is a thence worker: other workers and clients fetch results here.\n");
      },
      accept,
      turnedAway: (why, { address }) => turnedAway(`${address}: ${why}`),
    });
    const address = `${webSocketUrl(host, server.port)}${transferPath}`;
    return {
      address: credentials ? withPin(address, fingerprintOfCertificate(credentials.cert)) : address,
      close: () => server.close(),
    };
  } catch (error) {
    throw new ConnectionError(
      `Choose another --interface: cannot listen on ${host} for connections that fetch results ` +
        `(${(error as Error).message})`,
      { cause: error },
    );
  }
}

/**
 * The address of this machine from which it reaches another: loopback when that is this machine
 * itself. Found without a word on the network.
 */
export async function addressTowards(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  try {
    // Routes are looked up, and nothing is sent, when a datagram socket is connected.
    socket.connect(Number(port) || 80, host);
    await once(socket, "connect");
    return socket.address().address;
  } catch {
    return "127.0.0.1";
  } finally {
    socket.close();
  }
}
