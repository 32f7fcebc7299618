// The effects of a step, collected: messages for each peer, disconnects, log lines. Consecutive messages
// that say the same of several tasks are joined, so that a thousand results leave as one message.

import type {
  AnswerMessage,
  Failure,
  Reference,
  ToClient,
  ToWorker,
} from "../../src/wire/protocol.ts";
import type { ClusterEvent } from "../../src/wire/events.ts";
import type { RequestName, ResultOf } from "../../src/wire/requests.ts";
import type { Feed } from "./clients/feeds.ts";
import { headOf, type RunHead } from "./tasks/run-heads.ts";
import type { Payload } from "../../src/payload/payload.ts";
import { firstOf } from "./structures/small-set.ts";
import type { Client, ClientId, Dispatch, Task, TaskKey, Worker, WorkerId } from "./state.ts";

/** An instruction to the shell. Plain data, so that a step can be recorded and compared. */
export type Effect =
  | { readonly do: "send-to-worker"; readonly to: WorkerId; readonly messages: ToWorker[] }
  | { readonly do: "send-to-client"; readonly to: ClientId; readonly messages: ToClient[] }
  | { readonly do: "disconnect"; readonly peer: WorkerId | ClientId; readonly why: string }
  /** The scheduler ends, and tells all peers. */
  | { readonly do: "stop"; readonly why: string }
  | {
      readonly do: "log";
      readonly level: LogLevel;
      readonly text: string;
      /** Of a task that failed while no client waits for it: there may be any number of them. */
      readonly unheard?: UnheardFailure;
    };
export type LogLevel = "info" | "warning" | "error";

export type UnheardFailure = {
  readonly key: TaskKey;
  readonly function: string;
  readonly failure: Failure;
  readonly attempt: number;
  /** The name of the worker whose attempt was the last. */
  readonly worker: string | undefined;
  /** How many tasks failed with it, because they depend on it. */
  readonly dependents: number;
};

/** Most holders that are named for one value; and those that are looked at of one that was broadcast. */
export const mostHolders = 4;
const amongHolders = 64;

/**
 * Bounds on one message, by rows and by payload bytes. All that a worker of two or three threads is
 * sent ahead fits into one, and so do its answers.
 */
const columnLength = 2_000;
const columnBytes = 64 * 1024;

/** About a millisecond of work. */
const changesPerPulse = 1_000;

type Batch<Message> = {
  readonly messages: Message[];
  /** Payload bytes of the newest message. */
  bytes: number;
  /** The head of the newest `run` message: only tasks of the same one are appended. */
  head: RunHead | undefined;
  /** Places in the `peers` of the newest message, by address; undefined when it has none. */
  peers: Map<string, number> | undefined;
};

/** An input of a task: the value itself, or the task whose value its worker has to fetch. */
export type Input = Payload | Task;

export class Effects {
  readonly #toWorkers = new Map<Worker, Batch<ToWorker>>();
  readonly #toClients = new Map<Client, Batch<ToClient>>();
  readonly #others: Effect[] = [];
  /** By feed, the events of the newest message to it. */
  readonly #events = new Map<Feed, ClusterEvent[]>();
  #later: (() => void)[] = [];
  /** Bytes of the answers to questions in this step, more or less. */
  answeredBytes = 0;
  readonly #pulse: () => void;
  #changes = 0;

  /** @param pulse called again and again while a step changes much: it cannot be cut in slices, and others wait */
  constructor(pulse: () => void = () => undefined) {
    this.#pulse = pulse;
  }

  /** The state of a task has changed. */
  countChange(): void {
    if (++this.#changes % changesPerPulse === 0) this.#pulse();
  }

  /** Runs at the end of the step, when the tasks that it made ready have been placed. */
  atEnd(run: () => void): void {
    this.#later.push(run);
  }

  /** Runs what was to run at the end. */
  end(): void {
    for (const run of this.#later) run();
    this.#later = [];
  }

  take(): Effect[] {
    const effects: Effect[] = [];
    for (const [worker, { messages }] of this.#toWorkers) {
      effects.push({ do: "send-to-worker", to: worker.id, messages });
    }
    for (const [client, { messages }] of this.#toClients) {
      if (client.within === undefined) {
        effects.push({ do: "send-to-client", to: client.id, messages });
      } else {
        const { task, attempt, worker } = client.within.dispatch;
        const about = { type: "sub", key: task.key, attempt } as const;
        const wrapped = messages.map((message) => ({ ...about, message }));
        effects.push({ do: "send-to-worker", to: worker.id, messages: wrapped });
      }
    }
    for (const other of this.#others) effects.push(other);
    return effects;
  }

  run({ task, worker, attempt }: Dispatch, inputs: Input[] | undefined): void {
    const batch = batchOf(this.#toWorkers, worker);
    const head = headOf(task);
    const last = batch.messages.at(-1);
    if (
      last?.type === "run" &&
      batch.head === head &&
      last.keys.length < columnLength &&
      batch.bytes < columnBytes
    ) {
      last.keys.push(task.key);
      last.attempts.push(attempt);
      last.args.push(task.args);
      if (task.starts !== attempt - 1 && !last.starts) {
        last.starts = last.attempts.slice(0, -1).map((each) => each - 1);
      }
      last.starts?.push(task.starts);
      if (inputs && !last.inputs) last.inputs = last.keys.slice(1).map(() => []);
      last.inputs?.push(inputs ? inputsFor(last, batch, worker, inputs) : []);
    } else {
      const columns = { keys: [task.key], attempts: [attempt], args: [task.args] };
      const message: RunMessage = { ...head, ...columns };
      batch.peers = undefined;
      if (task.starts !== attempt - 1) message.starts = [task.starts];
      if (inputs) message.inputs = [inputsFor(message, batch, worker, inputs)];
      batch.messages.push(message);
      batch.head = head;
      batch.bytes = 0;
    }
    batch.bytes += bytesOf(task.args);
    for (const input of inputs ?? [])
      batch.bytes += isTask(input) ? referenceBytes : bytesOf(input);
  }

  copy(worker: Worker, task: Task): void {
    const batch = batchOf(this.#toWorkers, worker);
    const last = batch.messages.at(-1);
    if (last?.type === "copy" && last.references.length < columnLength) {
      last.references.push(referenceTo(last, batch, worker, task));
    } else {
      batch.peers = undefined;
      const message: CopyMessage = { type: "copy", references: [] };
      message.references.push(referenceTo(message, batch, worker, task));
      batch.messages.push(message);
    }
  }

  /** Frees a value that the worker holds. */
  free(worker: Worker, key: TaskKey, order: number, attempt: number): void {
    const row = { keys: key, orders: order, attempts: attempt };
    append(batchOf(this.#toWorkers, worker), { type: "free" }, row);
  }

  /** Ends an attempt. */
  cancelAttempt(dispatch: Dispatch, reason: string | undefined): void {
    const batch = batchOf(this.#toWorkers, dispatch.worker);
    append(batch, { type: "cancel", ...(reason !== undefined && { reason }) }, attemptOf(dispatch));
  }

  /** Lets an attempt go on that waited for its resources. */
  resume(dispatch: Dispatch): void {
    const batch = batchOf(this.#toWorkers, dispatch.worker);
    append(batch, { type: "resume" }, attemptOf(dispatch));
  }

  /** Asks for an attempt back that has not started. */
  withdraw(dispatch: Dispatch): void {
    const batch = batchOf(this.#toWorkers, dispatch.worker);
    append(batch, { type: "withdraw" }, attemptOf(dispatch));
  }

  finished(client: Client, key: TaskKey, value: Payload): void {
    const batch = batchOf(this.#toClients, client);
    const last = batch.messages.at(-1);
    if (last?.type === "finished" && last.keys.length < columnLength && batch.bytes < columnBytes) {
      last.keys.push(key);
      last.values.push(value);
    } else {
      batch.messages.push({ type: "finished", keys: [key], values: [value] });
      batch.bytes = 0;
    }
    batch.bytes += bytesOf(value);
  }

  /** The task finished, and these hold its value. */
  stored(client: Client, key: TaskKey, bytes: number, holders: string[]): void {
    const row = { keys: key, bytes, holders };
    append(batchOf(this.#toClients, client), { type: "stored" }, row);
  }

  failed(client: Client, key: TaskKey, failure: Failure): void {
    append(batchOf(this.#toClients, client), { type: "failed", failure }, { keys: key });
  }

  cancelled(client: Client, key: TaskKey, reason: string | undefined): void {
    const head = { type: "cancelled", ...(reason !== undefined && { reason }) } as const;
    append(batchOf(this.#toClients, client), head, { keys: key });
  }

  /** The value of a finished task is gone; the task runs again. */
  lost(client: Client, key: TaskKey): void {
    append(batchOf(this.#toClients, client), { type: "lost" }, { keys: key });
  }

  /** A failed task runs again. */
  reopened(client: Client, key: TaskKey): void {
    append(batchOf(this.#toClients, client), { type: "reopened" }, { keys: key });
  }

  answer<Name extends RequestName>(
    client: Client,
    id: number,
    to: Name,
    result: ResultOf<Name>,
  ): void {
    // The compiler does not follow that the result is of this name.
    this.send(client, { type: "answer", id, to, result } as AnswerMessage);
  }

  refuse(client: Client, id: number, failure: Failure): void {
    this.send(client, { type: "answer", id, failure });
  }

  /** An event for a feed: those of one step are joined, whatever else its client is told. */
  tellEvent(feed: Feed, event: ClusterEvent): void {
    const newest = this.#events.get(feed);
    if (newest !== undefined && newest.length < columnLength) {
      newest.push(event);
      return;
    }
    const events = [event];
    this.#events.set(feed, events);
    this.send(feed.client, { type: "events", feed: feed.id, events });
  }

  /** Sends a message that is not joined with others. */
  send(client: Client, message: ToClient): void {
    batchOf(this.#toClients, client).messages.push(message);
  }

  /** Sends a worker a message that is not joined with others. */
  tell(worker: Worker, message: ToWorker): void {
    batchOf(this.#toWorkers, worker).messages.push(message);
  }

  stop(why: string): void {
    this.#others.push({ do: "stop", why });
  }

  disconnect(peer: WorkerId | ClientId, why: string): void {
    this.#others.push({ do: "disconnect", peer, why });
  }

  log(level: LogLevel, text: string): void {
    this.#others.push({ do: "log", level, text });
  }

  logUnheard(unheard: UnheardFailure): void {
    const text = `a task failed that nobody waits for: ${unheard.failure.message}`;
    this.#others.push({ do: "log", level: "error", text, unheard });
  }

  /** Forgets what was to be sent to a peer that is gone. */
  drop(peer: Worker | Client): void {
    this.#toWorkers.delete(peer as Worker);
    this.#toClients.delete(peer as Client);
  }
}

export function bytesOf(payload: Payload): number {
  return typeof payload === "string" ? payload.length : payload.byteLength;
}

function batchOf<Peer, Message>(batches: Map<Peer, Batch<Message>>, peer: Peer): Batch<Message> {
  let batch = batches.get(peer);
  if (batch === undefined) {
    batch = { messages: [], bytes: 0, head: undefined, peers: undefined };
    batches.set(peer, batch);
  }
  return batch;
}

function attemptOf({ task, attempt }: Dispatch): { keys: TaskKey; attempts: number } {
  return { keys: task.key, attempts: attempt };
}

/** What a message says once for all its tasks: its fields that are no columns. */
type HeadOf<Message> = {
  [Name in keyof Message as Message[Name] extends unknown[] ? never : Name]: Message[Name];
};
/** What a message says of one task: an item of each column. */
type RowOf<Message> = {
  [
    Name in keyof Message as Message[Name] extends unknown[] ? Name : never
  ]: Message[Name] extends (infer Item)[] ? Item : never;
};

/**
 * Adds a row to the newest message when that has the same head, and begins a message otherwise. For
 * what is said of few tasks: `run` and `finished` above do it by hand.
 */
function append<Message extends { type: string }, Type extends Message["type"]>(
  { messages }: Batch<Message>,
  head: HeadOf<Extract<Message, { type: Type }>> & { type: Type },
  row: RowOf<Extract<Message, { type: Type }>>,
): void {
  const items: Fields = row;
  const last = messages.at(-1) as Fields | undefined;
  if (
    last !== undefined &&
    hasSameHead(last, head, items) &&
    lengthOf(last, items) < columnLength
  ) {
    for (const name in items) (last[name] as unknown[]).push(items[name]);
    return;
  }
  const message: Fields = { ...head };
  for (const name in items) message[name] = [items[name]];
  messages.push(message as unknown as Message);
}

type Fields = Record<string, unknown>;

function hasSameHead(last: Fields, head: Fields, row: Fields): boolean {
  for (const name in head) if (last[name] !== head[name]) return false;
  for (const name in last) if (!(name in head || name in row)) return false;
  return true;
}

/** All columns of a message have the same length. */
function lengthOf(message: Fields, row: Fields): number {
  for (const name in row) return (message[name] as unknown[]).length;
  return 0;
}

type RunMessage = Extract<ToWorker, { type: "run" }>;
type CopyMessage = Extract<ToWorker, { type: "copy" }>;

/** Size of a reference in a frame, more or less. */
const referenceBytes = 100;

function isTask(input: Input): input is Task {
  return typeof input === "object" && "spec" in input;
}

function inputsFor(
  message: RunMessage,
  batch: Batch<ToWorker>,
  worker: Worker,
  inputs: readonly Input[],
): (Payload | Reference)[] {
  return inputs.map((input) =>
    isTask(input) ? referenceTo(message, batch, worker, input) : input,
  );
}

/** A reference names the holders by their indices in the message: thousands of values have the same few. */
function referenceTo(
  message: RunMessage | CopyMessage,
  batch: Batch<ToWorker>,
  worker: Worker,
  { key, order, attempt, state }: Task,
): Reference {
  const { bytes, holders } = state as Extract<Task["state"], { at: "finished" }>;
  const reference: Reference = { key, order, attempt, bytes, from: [] };
  if (holders?.has(worker)) reference.here = true;
  // Workers that read different values at the same time begin with different holders.
  const all = holders === undefined ? [] : firstOf(holders, amongHolders);
  const first = order % Math.max(1, all.length);
  for (let index = 0; index < all.length && reference.from.length < mostHolders; index++) {
    const { address } = all[(first + index) % all.length]!;
    if (address === undefined || address === worker.address) continue;
    batch.peers ??= new Map();
    let place = batch.peers.get(address);
    if (place === undefined) {
      place = batch.peers.size;
      batch.peers.set(address, place);
      (message.peers ??= []).push(address);
    }
    reference.from.push(place);
  }
  return reference;
}
