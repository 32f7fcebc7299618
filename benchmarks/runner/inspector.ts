// Looks into a process started with `--inspect`, by the protocol that debuggers speak.

import { once } from "node:events";
import { WebSocket } from "ws";
import type { Started } from "./processes.ts";

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  static async connect(started: Started): Promise<Inspector> {
    const url = /Debugger listening on (ws:\S+)/.exec(started.tail)?.[1];
    if (url === undefined) throw new Error(`No inspector was announced. ${started.tail}`);
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, "open");
    return new Inspector(socket);
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      // eslint-disable-next-line @typescript-eslint/no-base-to-string -- one Buffer, by default
      const { id, result, error } = JSON.parse(data.toString()) as Answer;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    });
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("The inspector hung up."));
    });
  }

  /** Twice: what a finalizer lets go of in the first is collected by the second. */
  async collectGarbage(): Promise<void> {
    await this.#ask("HeapProfiler.collectGarbage");
    await this.#ask("HeapProfiler.collectGarbage");
  }

  async evaluate<Value>(expression: string): Promise<Value> {
    const answer = await this.#ask("Runtime.evaluate", { expression, returnByValue: true });
    const { result, exceptionDetails } = answer as Evaluation;
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value as Value;
  }

  close(): void {
    this.#socket.close();
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return waiting.promise;
  }
}

type Answer = { id: number; result?: unknown; error?: { message: string } };
type Evaluation = { result: { value: unknown }; exceptionDetails?: { text: string } };
