// Connections to holders of values: one for each address, opened at the first use and closed after a while
// without use.

import { ConnectionError } from "../errors/errors.ts";
import { systemClock, type Cancel, type Clock } from "../link/clock.ts";
import type { OpenSocket } from "../link/dial.ts";
import { Requester } from "./requester.ts";

export type PeersOptions = {
  /** The token of the cluster; called for every connection, since a new scheduler has a new token. */
  token: () => string | undefined;
  open: OpenSocket;
  clock?: Clock | undefined;
  /** The address of this machine to connect from. Default: chosen by the system. */
  localAddress?: string | undefined;
  /** The time limit for making a connection, in milliseconds. Default 5,000. */
  connectMs?: number | undefined;
  /** See `RequesterOptions`. */
  stallMs?: number | undefined;
  /** A connection that is unused for this long is closed, in milliseconds. Default 30,000. */
  idleMs?: number | undefined;
};

export class Peers {
  readonly #options: PeersOptions;
  readonly #clock: Clock;
  readonly #connections = new Map<string, Promise<Requester>>();
  #sweep: Cancel | undefined;
  #used = new Set<string>();
  #closed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * The connection to an address.
   *
   * @throws {ConnectionError | AuthenticationError} when there is no answer, or the token is refused
   */
  at(address: string): Promise<Requester> {
    if (this.#closed) return Promise.reject(new ConnectionError("the connections are closed"));
    this.#used.add(address);
    let connection = this.#connections.get(address);
    if (connection === undefined) {
      connection = this.#connect(address);
      this.#connections.set(address, connection);
      connection.catch(() => this.#drop(address, connection!));
      this.#sweepLater();
    }
    return connection;
  }

  close(): void {
    this.#closed = true;
    this.#sweep?.();
    for (const connection of this.#connections.values()) {
      connection.then(
        (requester) => requester.close(),
        () => undefined,
      );
    }
    this.#connections.clear();
  }

  async #connect(address: string): Promise<Requester> {
    const { token, open, localAddress, connectMs = 5_000, clock, stallMs } = this.#options;
    const socket = await open(
      { url: address, token: token() },
      { timeoutMs: connectMs, ...(localAddress !== undefined && { localAddress }) },
    );
    const requester: Requester = new Requester(
      socket,
      () => {
        const known = this.#connections.get(address);
        known?.then(
          (current) => {
            if (current === requester) this.#drop(address, known);
          },
          () => undefined,
        );
      },
      { clock, stallMs },
    );
    if (this.#closed) requester.close();
    return requester;
  }

  #drop(address: string, connection: Promise<Requester>): void {
    if (this.#connections.get(address) === connection) this.#connections.delete(address);
  }

  #sweepLater(): void {
    const { idleMs = 30_000 } = this.#options;
    this.#sweep ??= this.#clock.setTimeout(() => void this.#closeIdle(), idleMs, {
      keepAlive: false,
    });
  }

  async #closeIdle(): Promise<void> {
    this.#sweep = undefined;
    const used = this.#used;
    this.#used = new Set();
    for (const [address, connection] of this.#connections) {
      const requester = await connection.catch(() => undefined);
      if (requester?.idle && !used.has(address) && !this.#used.has(address)) {
        this.#drop(address, connection);
        requester.close();
      }
    }
    if (this.#connections.size > 0 && !this.#closed) this.#sweepLater();
  }
}
