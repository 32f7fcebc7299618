// The client inside a task, as the thread that runs the task sees it. What makes one stands above the
// roles, for a worker does not know the client: whoever starts the worker says where it is.

import type { FromClient, ToClient } from "./wire/protocol.ts";

/** What the client inside a task has for a link: its worker carries what it says. */
export type TaskConnection = {
  readonly welcome: { readonly scheduler: string };
  send(message: FromClient): void;
  /** The newest message while it may still grow. */
  readonly lastUnsent: FromClient | undefined;
  close(): Promise<void>;
  /** Lends the slot of the task to others until this has settled. */
  during<Value>(waiting: Promise<Value>): Promise<Value>;
};

export type TaskClient = {
  /** What the user gets: `currentTask().client`. */
  readonly face: unknown;
  receive(message: ToClient): void;
  /** A message that is larger than the link takes. */
  unsendable(message: object, error: Error): void;
  /** The task is over, or is to end: nothing that it waits for will come any more. */
  end(why: Error): void;
};

/** What a module exports as `openTaskClient` for threads to load when a task first asks for it. */
export type OpenTaskClient = (connection: TaskConnection) => TaskClient;
