// Feeds: a client hears of what happens to tasks and workers. What it has not read is bounded: beyond that
// events are left out and counted, and the reader is told how many. Without a feed nothing is made.

import type { ClusterEvent, TaskEvent, WorkerEvent } from "../../../src/wire/events.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import { enterHeap } from "../memory/ledger.ts";
import { namesBytes } from "../memory/sizes.ts";
import type { Client, Task, TaskKey } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { isScattered } from "../values/lineage.ts";
import { Refusal, type Asked } from "./answers.ts";

export type Feed = {
  readonly client: Client;
  /** The id of the client's request. */
  readonly id: number;
  /** Events of any of these; without both, all events. */
  readonly functions: ReadonlySet<string> | undefined;
  readonly keys: ReadonlySet<TaskKey> | undefined;
  /** Events told and not known to be read. */
  unread: number;
  /** Events left out since the last one that was told. */
  missed: number;
};

/** Events on their way to one reader: of what one large `map` brings, none is missed. */
export const mostUnread = 50_000;
/** Of all readers together: each event takes memory until it is read. */
export const mostUnreadInAll = 200_000;
/** So that they are a small part of the heap, whatever they say. */
const bytesOfHeapPerEvent = 10_000;
/** Feeds in all: each of them costs for each event. */
const mostFeeds = 100;

/** What differs from event to event: the rest is said of the task. */
type Without<Event, Name extends PropertyKey> = Event extends unknown ? Omit<Event, Name> : never;
export type TaskNews = Without<TaskEvent, "at" | "key" | "function">;
export type WorkerNews = Without<WorkerEvent, "at">;

export function openFeed(
  { state }: StepContext,
  { client, id }: Asked,
  { functions, of: keys }: ParametersOf<"events">,
): null | Refusal {
  if (state.feeds.size >= mostFeeds) {
    const message = `close other streams of events first: there are ${mostFeeds}, and no more are allowed`;
    return new Refusal({ code: "overloaded", message });
  }
  const feed: Feed = {
    client,
    id,
    functions: functions && new Set(functions),
    keys: keys && new Set(keys),
    unread: 0,
    missed: 0,
  };
  state.feeds.add(feed);
  enterHeap(state, feedBytes(feed));
  return null;
}

export function receiveRead(step: StepContext, client: Client, id: number, count: number): void {
  const feed = find(step, client, id);
  if (feed === undefined) return;
  const read = Math.min(count, feed.unread);
  feed.unread -= read;
  step.state.unreadEvents -= read;
  if (feed.missed > 0) tellMissed(step, feed);
}

export function endFeed(step: StepContext, client: Client, id: number): void {
  const feed = find(step, client, id);
  if (feed) forget(step, feed);
}

/** The client is gone. */
export function endFeeds(step: StepContext, client: Client): void {
  for (const feed of step.state.feeds) if (feed.client === client) forget(step, feed);
}

function forget({ state }: StepContext, feed: Feed): void {
  state.unreadEvents -= feed.unread;
  state.feeds.delete(feed);
  enterHeap(state, feedBytes(feed), -1);
}

/** Bytes of what it was asked for. */
export function feedBytes({ functions, keys }: Feed): number {
  return 600 + namesBytes(functions) + namesBytes(keys);
}

/** Something happened to a task. */
export function tellOfTask(step: StepContext, task: Task, news: TaskNews): void {
  const { feeds } = step.state;
  if (feeds.size === 0 || isScattered(task)) return;
  const { key } = task;
  const { name } = task.spec.function;
  let event: TaskEvent | undefined;
  for (const feed of feeds) {
    const { functions, keys } = feed;
    const isMeant = functions || keys ? functions?.has(name) || keys?.has(key) : true;
    if (!isMeant) continue;
    tell(step, feed, (event ??= { at: step.now, key, function: name, ...news }));
  }
}

export function tellOfFailure(step: StepContext, task: Task, failure: Failure): void {
  if (step.state.feeds.size > 0) tellOfTask(step, task, { type: "failed", ...inBrief(failure) });
}

/** The task runs again, after this failure, because a client asked for it, or because its value is needed again. */
export function tellOfRetry(step: StepContext, task: Task, failure?: Failure): void {
  if (step.state.feeds.size === 0) return;
  tellOfTask(step, task, { type: "retried", ...(failure && { error: inBrief(failure) }) });
}

/** Something happened to a worker. */
export function tellOfWorker(step: StepContext, news: WorkerNews): void {
  for (const feed of step.state.feeds) {
    if (feed.functions === undefined && feed.keys === undefined) {
      tell(step, feed, { at: step.now, ...news });
    }
  }
}

function find({ state }: StepContext, client: Client, id: number): Feed | undefined {
  for (const feed of state.feeds) if (feed.client === client && feed.id === id) return feed;
  return undefined;
}

function tell(step: StepContext, feed: Feed, event: ClusterEvent): void {
  // One place is kept for the event that says how many were missed.
  const { unreadEvents, options } = step.state;
  const most = Math.min(mostUnreadInAll, options.heapBytes / bytesOfHeapPerEvent);
  const isFull = feed.unread >= mostUnread - 1 || unreadEvents >= most;
  if (feed.missed > 0 || isFull) {
    feed.missed++;
    return;
  }
  feed.unread++;
  step.state.unreadEvents++;
  step.effects.tellEvent(feed, event);
}

function tellMissed(step: StepContext, feed: Feed): void {
  // One that has read all is told, however many others have not read.
  if (feed.unread >= mostUnread) return;
  const event = { type: "missed", at: step.now, count: feed.missed } as const;
  feed.missed = 0;
  feed.unread++;
  step.state.unreadEvents++;
  step.effects.tellEvent(feed, event);
}

/** Characters of an error's message. */
const longestMessage = 300;

function inBrief({ code, message }: Failure): { code: string; message: string } {
  return { code, message: message.slice(0, longestMessage) };
}
