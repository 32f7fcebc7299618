// The scheduler's one port: HTTP for people, probes and tools, WebSocket for clients and workers.

import { ConnectionError } from "../src/errors/errors.ts";
import type { Socket } from "../src/link/socket.ts";
import { purposeOf } from "../src/link/purpose.ts";
import { dataDoorkeeper, upgradeDoorkeeper } from "../src/meeting/door.ts";
import { viewTokenOf } from "../src/meeting/token.ts";
import {
  startUpgradeServer,
  type Peer,
  type UpgradeServer,
  type UpgradeServerOptions,
} from "../src/meeting/upgrade-server.ts";
import type { Right } from "../src/wire/rights.ts";
import { responder, type Endpoints } from "./endpoints.ts";

export type ServerOptions = Pick<
  UpgradeServerOptions,
  | "host"
  | "port"
  | "credentials"
  | "requestMs"
  | "proofMs"
  | "frameBytes"
  | "maxConnections"
  | "maxStrangers"
> & {
  token: string;
  /** Receives every socket that proved a token; its hello is still unread (`awaitHello`). */
  accept: (socket: Socket, peer: Peer, right: Right) => void;
  /** Receives every socket for values, with the full right. */
  acceptData?: (socket: Socket, peer: Peer) => void;
  /** Receives the reason for every refusal, for the log. The reason never contains a token. */
  turnedAway?: (why: string, peer: Peer) => void;
  /** What HTTP requests with the view token can read, by path. */
  endpoints?: Endpoints;
  /** Bytes of their answers that may wait for their readers. Default: 64 MiB. */
  mostUnreadBytes?: number;
};

export type Server = UpgradeServer;

/**
 * Starts to listen.
 *
 * @throws {ConnectionError} when it cannot listen on this host and port, with advice
 * @example const server = await startServer({ host: "127.0.0.1", port: 8786, token, accept });
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, port, token, credentials, accept, endpoints = {} } = options;
  const { acceptData, turnedAway = () => undefined, mostUnreadBytes = 64 * 2 ** 20 } = options;
  const scheme = credentials ? "https" : "http";
  const viewToken = viewTokenOf(token);
  try {
    return await startUpgradeServer({
      ...options,
      doorkeeper: upgradeDoorkeeper(scheme, "scheduler"),
      respond: responder({
        ...{ endpoints, turnedAway, mostUnreadBytes },
        doorkeeper: dataDoorkeeper(viewToken, scheme),
      }),
      tokenFor(right, purpose) {
        if (right === "full") return token;
        return purpose === "link" ? viewToken : undefined;
      },
      accept(socket, peer, right) {
        if (acceptData && purposeOf(peer.path) === "data") acceptData(socket, peer);
        else accept(socket, peer, right);
      },
      turnedAway,
    });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, host, port);
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ConnectionError {
  const advice: Readonly<Record<string, string | undefined>> = {
    EADDRINUSE: "Choose another port, or stop the program that uses this one",
    EACCES: "Choose a port above 1023",
    EADDRNOTAVAIL: "Choose an address of this machine",
    ENOTFOUND: "Choose an address of this machine",
  };
  const what = advice[error.code ?? ""] ?? "Choose another address";
  return new ConnectionError(`${what}: cannot listen on ${host} port ${port} (${error.message})`, {
    cause: error,
  });
}
