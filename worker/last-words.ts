// Tells the scheduler that a worker has ended without a word, or could not start, so that it hears of it at
// once. Whoever says it has no session: it says this one thing, within a short time, or not at all.

import { nanoid } from "nanoid";
import { hostname } from "node:os";
import type { DialTarget, OpenSocket } from "../src/link/dial.ts";
import { openProven } from "../src/link/open.ts";
import { clearTimeout, setTimeout } from "../src/timers.ts";
import type { JobStep } from "../src/wire/lifetimes.ts";
import { PROTOCOL_VERSION, type Hello } from "../src/wire/protocol.ts";

export type LastWords = {
  readonly target: { find(): Promise<DialTarget | undefined> };
  readonly name: string;
  /** How it ended, or why it could not start. */
  readonly how: string;
  /** The process of the worker, when that had joined. */
  readonly pid?: number;
  readonly job?: JobStep | undefined;
  readonly localAddress?: string | undefined;
  readonly open?: OpenSocket;
  /** Milliseconds. Default: 2,000; in a job 5,000, as scheduler and workers start at the same time there. */
  readonly timeoutMs?: number;
};

const mostCharacters = 1_000;
/** How often a scheduler file is looked for that is not there yet, in milliseconds. */
const lookEveryMs = 200;

/**
 * Resolves with true when the scheduler has heard it, and with false when that cannot be: there is none, or it does
 * not answer. Never rejects.
 */
export async function sayLastWords(words: LastWords): Promise<boolean> {
  const { timeoutMs = words.job ? 5_000 : 2_000 } = words;
  const late = Promise.withResolvers<boolean>();
  const signal = new AbortController();
  const timer = setTimeout(() => {
    signal.abort();
    late.resolve(false);
  }, timeoutMs);
  const saying = say(words, timeoutMs, signal.signal).catch(() => false);
  const isHeard = await Promise.race([saying, late.promise]);
  clearTimeout(timer);
  return isHeard;
}

async function say(words: LastWords, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { name, how, pid, job, localAddress, open = openProven } = words;
  let target: DialTarget | undefined;
  while ((target = await words.target.find()) === undefined) {
    if (!job || signal.aborted) return false;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  if (signal.aborted) return false;
  const socket = await open(target, {
    timeoutMs,
    signal,
    ...(localAddress !== undefined && { localAddress }),
  });
  const hello: Hello = {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    id: nanoid(),
    received: 0,
    ...(target.scheduler !== undefined && { scheduler: target.scheduler }),
    role: "ended-worker",
    name,
    host: hostname(),
    how: how.slice(0, mostCharacters),
    ...(pid !== undefined && { pid }),
    ...(job && { job }),
  };
  const { promise: answered, resolve } = Promise.withResolvers<boolean>();
  socket.listen({ message: () => resolve(true), wrote() {}, closed: () => resolve(false) });
  signal.addEventListener("abort", () => resolve(false), { once: true });
  socket.send(JSON.stringify(hello));
  const isHeard = await answered;
  socket.terminate();
  return isHeard;
}
