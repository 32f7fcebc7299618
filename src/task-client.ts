// The interface between a worker's thread and the client inside a task. A worker does not import the
// client; `cluster/worker.ts` tells it which file makes one.

import type { FromClient, ToClient } from "./wire/protocol.ts";

/** The link of the client inside a task: its worker forwards the messages. */
export type TaskConnection = {
  readonly welcome: { readonly scheduler: string };
  send(message: FromClient): void;
  /** The newest message, while its sender may still append to it. */
  readonly lastUnsent: FromClient | undefined;
  close(): Promise<void>;
  /** Lends the task's slot to other tasks until `waiting` settles. */
  during<Value>(waiting: Promise<Value>): Promise<Value>;
};

export type TaskClient = {
  /** The user's `currentTask().client`. */
  readonly face: unknown;
  receive(message: ToClient): void;
  /** A message was left out because it is larger than the link allows. */
  unsendable(message: object, error: Error): void;
  /** The task has ended, or has to: everything that it waits for fails with `why`. */
  end(why: Error): void;
};

/** The function `openTaskClient` of a module that threads load when a task first needs a client. */
export type OpenTaskClient = (connection: TaskConnection) => TaskClient;
