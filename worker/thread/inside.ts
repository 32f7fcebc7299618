// The client inside a task, on the thread: what it says goes to main as frames, which main can check
// and never has to trust; and while the task waits for an answer, others may have its slot.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { ThenceError } from "../../src/errors/errors.ts";
import { Outbox } from "../../src/link/outbox.ts";
import type { SocketData } from "../../src/link/socket.ts";
import type { OpenTaskClient, TaskClient, TaskConnection } from "../../src/task-client.ts";
import { writeFrame } from "../../src/wire/frame.ts";
import { limits } from "../../src/wire/limits.ts";
import type { FromClient, ToClient } from "../../src/wire/protocol.ts";
import { nextTick } from "../boundary/intrinsics.ts";

/** Room for what the worker's own link puts around a message. */
const frameBytes = limits.frameBytes - 4_096;

/** What it needs of the thread it is on. */
export type InsideHost = {
  say(frame: SocketData): void;
  /** From here on the slot of the task is for others. */
  lend(): void;
  /** It is not; to be waited for when the task held resources that others may have meanwhile. */
  resume(): Promise<void> | undefined;
};

export class Inside implements TaskConnection {
  /** One for all tasks of the thread: their futures may be passed between them. */
  readonly welcome = { scheduler: "" };
  readonly #host: InsideHost;
  readonly #client: TaskClient;
  readonly #outbox: Outbox<FromClient>;
  #said = 0;
  #flushing = false;
  #waits = 0;
  #over = false;

  /** @param file the URL of a module that exports `openTaskClient` */
  constructor(file: string | undefined, host: InsideHost) {
    this.#host = host;
    this.#outbox = new Outbox({
      frameBytes,
      unsendable: (message, error) => this.#client.unsendable(message, error),
    });
    this.#client = openerIn(file)(this);
  }

  get face(): unknown {
    return this.#client.face;
  }

  receive(message: ToClient): void {
    if (!this.#over) this.#client.receive(message);
  }

  /** Says what has not been said; then whatever waits for an answer fails. */
  end(why: Error): void {
    if (this.#over) return;
    this.flush();
    this.#over = true;
    this.#client.end(why);
  }

  // ── For the client ─────────────────────────────────────────────────────────────────────────────

  send(message: FromClient): void {
    if (this.#over) return;
    this.#outbox.push(message);
    if (this.#flushing) return;
    this.#flushing = true;
    nextTick(() => this.flush());
  }

  get lastUnsent(): FromClient | undefined {
    return this.#outbox.lastUnsent;
  }

  async close(): Promise<void> {
    this.flush();
  }

  async during<Value>(waiting: Promise<Value>): Promise<Value> {
    if (this.#over) return waiting;
    // What it waits for has to be asked for first.
    this.flush();
    if (this.#waits === 0) {
      try {
        this.#host.lend();
      } catch (error) {
        // Nobody will wait for it now.
        waiting.catch(() => undefined);
        throw error;
      }
    }
    this.#waits += 1;
    try {
      return await waiting;
    } finally {
      this.#waits -= 1;
      if (this.#waits === 0 && !this.#over) await this.#host.resume();
    }
  }

  flush(): void {
    this.#flushing = false;
    for (let frame = this.#outbox.next(); frame; frame = this.#outbox.next()) {
      this.#outbox.acknowledge(++this.#said);
      this.#host.say(writeFrame(0, frame));
    }
  }
}

let opener: OpenTaskClient | undefined;

/** Loaded at the first use, for most tasks have none; at once, for the user's code does not wait. */
function openerIn(file: string | undefined): OpenTaskClient {
  if (file === undefined) {
    throw new ThenceError(
      "no-task-client",
      "Start the worker with `thence worker` or `Client.local`: this one was started without a client for its tasks",
    );
  }
  if (opener === undefined) {
    const loaded = createRequire(import.meta.url)(fileURLToPath(file)) as {
      openTaskClient: OpenTaskClient;
    };
    opener = loaded.openTaskClient;
  }
  return opener;
}
