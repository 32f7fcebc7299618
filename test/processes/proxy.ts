// A stretch of network between two processes: it carries bytes until it is cut, or goes silent.

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { addCleanUp } from "./daemons.ts";

export class Proxy {
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Ends that came while nothing is carried. */
  readonly #untold: (() => void)[] = [];
  #state: "carrying" | "cut" | "silent" = "carrying";
  /** How many connections were asked for so far, those that were refused too. */
  connections = 0;

  /** @param port of the process behind it */
  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    addCleanUp(() => proxy.#close());
    return proxy;
  }

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer({ noDelay: true }, (near) => this.#accept(near));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection and refuses new ones. */
  cut(): void {
    this.#state = "cut";
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Carries nothing more, and tells nobody: what is sent waits on the way, ends too. */
  silence(): void {
    this.#state = "silent";
    for (const socket of this.#sockets) socket.pause();
  }

  /** Carries again; what waited arrives now. */
  heal(): void {
    this.#state = "carrying";
    for (const end of this.#untold.splice(0)) end();
    for (const socket of this.#sockets) socket.resume();
  }

  #accept(near: Socket): void {
    this.connections += 1;
    if (this.#state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    this.#carry(near, far);
    this.#carry(far, near);
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    if (this.#state === "silent") from.pause();
    from.on("data", (data) => {
      if (to.write(data)) return;
      from.pause();
      to.once("drain", () => {
        if (this.#state !== "silent") from.resume();
      });
    });
    // A reset is an end like any other.
    from.on("error", () => undefined);
    from.on("end", () => this.#tell(() => to.end()));
    from.on("close", () => {
      this.#sockets.delete(from);
      this.#tell(() => to.destroy());
    });
  }

  /** An end comes through a socket that is paused, too. */
  #tell(end: () => void): void {
    if (this.#state === "silent") this.#untold.push(end);
    else end();
  }

  async #close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
