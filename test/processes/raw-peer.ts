// A peer that can say anything: what a broken or hostile program might, in place of a client or worker.

import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import type { Socket as NetSocket } from "node:net";
import type { WebSocket } from "ws";
import { closeCodes } from "../../src/link/socket.ts";
import { provenWebSocket } from "../proven.ts";
import { addCleanUp } from "./daemons.ts";

export type Close = { code: number; reason: string };
type Message = { type: string; [name: string]: unknown };

export const clientHello = {
  type: "hello",
  protocol: PROTOCOL_VERSION,
  role: "client",
  id: "raw-client",
  name: "raw",
  received: 0,
};

export const workerHello = {
  ...clientHello,
  role: "worker",
  id: "raw-worker",
  name: "raw",
  host: "elsewhere",
  pid: 1,
  threads: 1,
  slots: 1,
  resources: {},
  functions: ["rawOnly"],
};

export class RawPeer {
  readonly #webSocket: WebSocket;
  /** What came so far: the answer to the hello, then frames. */
  readonly received: unknown[] = [];
  readonly closed: Promise<Close>;
  readonly #waiting = new Set<() => void>();

  /** Proves the token; the hello is for the test to say. */
  static async connect({ url, token }: { url: string; token: string }): Promise<RawPeer> {
    const peer = new RawPeer(await provenWebSocket(url, token));
    addCleanUp(async () => peer.#webSocket.terminate());
    return peer;
  }

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.on("message", (data: Buffer, isBinary) => {
      this.received.push(isBinary ? data : JSON.parse(data.toString()));
      for (const look of this.#waiting) look();
    });
    // Whatever it is, the close that follows says more.
    webSocket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      webSocket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Says hello, and waits for the answer. */
  async welcomed(hello: object): Promise<Message> {
    this.send(hello);
    return this.#first(() => this.received[0] as Message | undefined);
  }

  /** The first message of a type that comes in some frame. */
  async heard(type: string): Promise<Message> {
    return this.heardAfter(0, type);
  }

  /** The same, without so many frames that have come before. */
  async heardAfter(frames: number, type: string): Promise<Message> {
    return this.#first(() =>
      this.received
        .slice(frames)
        .flatMap((frame) => (Array.isArray(frame) ? (frame.slice(1) as Message[]) : []))
        .find((message) => message.type === type),
    );
  }

  /** An object as JSON, and everything else as it is. */
  send(data: object | string | Uint8Array): void {
    const isData = typeof data === "string" || data instanceof Uint8Array;
    this.#webSocket.send(isData ? data : JSON.stringify(data));
  }

  /** Ends the session in good order. */
  async leave(): Promise<void> {
    this.#webSocket.close(closeCodes.goodbye, "goodbye");
    await this.closed;
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#webSocket.terminate();
  }

  stopReading(): void {
    this.#webSocket.pause();
  }

  /** Past the rules of WebSocket: bytes on the connection under it. */
  sendBytes(bytes: Uint8Array): void {
    (this.#webSocket as unknown as { _socket: NetSocket })._socket.write(bytes);
  }

  #first<Found>(find: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
      void this.closed.then(({ code, reason }) => reject(new Error(`cut off: ${code} ${reason}`)));
    });
  }
}
