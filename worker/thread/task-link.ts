// The link of the client inside a task, on the thread. Its messages go to the main thread as frames, which
// the main thread checks; and while the task waits for an answer, other calls may use its slot.

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

/** Leaves room for what the worker's own link adds to a message. */
const frameBytes = limits.frameBytes - 4_096;

/** The functions of the thread that the link needs. */
export type TaskLinkHost = {
  send(frame: SocketData): void;
  /** Lends the slot of the task to other calls. */
  lend(): void;
  /** Takes the slot back; a promise when resources that were lent too have to be waited for. */
  resume(): Promise<void> | undefined;
};

export class TaskLink implements TaskConnection {
  /** The same for all tasks of the thread, so that futures may be passed between them. */
  readonly welcome = { scheduler: "" };
  readonly #host: TaskLinkHost;
  readonly #client: TaskClient;
  readonly #outbox: Outbox<FromClient>;
  #sent = 0;
  #flushing = false;
  #waits = 0;
  /** The slot was asked back, and its resources are waited for. */
  #resuming: Promise<void> | undefined;
  #over = false;

  /** @param file the URL of a module that exports `openTaskClient` */
  constructor(file: string | undefined, host: TaskLinkHost) {
    this.#host = host;
    this.#outbox = new Outbox({
      frameBytes,
      unsendable: (message, error) => this.#client.unsendable(message, error),
    });
    this.#client = openerIn(file)(this);
  }

  /** The client that the user's code gets. */
  get face(): unknown {
    return this.#client.face;
  }

  receive(message: ToClient): void {
    if (!this.#over) this.#client.receive(message);
  }

  /** Sends the messages that are left, and fails all that waits for an answer. */
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
    // The request leaves before the slot is lent.
    this.flush();
    // While the slot is asked back it is lent still.
    if (this.#waits === 0 && this.#resuming === undefined) {
      try {
        this.#host.lend();
      } catch (error) {
        // The caller gets this error instead of the answer.
        waiting.catch(() => undefined);
        throw error;
      }
    }
    this.#waits += 1;
    try {
      return await waiting;
    } finally {
      this.#waits -= 1;
      if (this.#waits === 0 && !this.#over) await this.#resume();
    }
  }

  #resume(): Promise<void> | undefined {
    this.#resuming ??= this.#host.resume()?.then(() => {
      this.#resuming = undefined;
      // Another part of the task has begun to wait meanwhile.
      if (this.#waits > 0 && !this.#over) this.#host.lend();
    });
    return this.#resuming;
  }

  flush(): void {
    this.#flushing = false;
    for (let frame = this.#outbox.next(); frame; frame = this.#outbox.next()) {
      this.#outbox.acknowledge((this.#sent += frame.messages));
      this.#host.send(writeFrame(0, frame));
    }
  }
}

let opener: OpenTaskClient | undefined;

/** Loads the module at the first use, since most tasks have no client; in one go, since callers do not await. */
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
