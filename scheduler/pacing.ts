// How fast peers are read: whoever brings more than there is room for waits, and so does who asks for more than it
// reads.

import type { Link } from "../src/link/link.ts";
import type { AnswerMessage, FromClient, ToClient, ToWorker } from "../src/wire/protocol.ts";
import { queries } from "../src/wire/requests.ts";
import type { Clockwork } from "./clockwork.ts";
import { burdenOf } from "./core/clients/refusing.ts";
import type { MemoryLimits } from "./memory-limits.ts";

type PeerLink = Link<unknown, ToClient | ToWorker>;

/**
 * How much each client may bring while memory is tight; and the longest pause between two of its frames. What is
 * refused costs little more than its garbage, and should be told soon.
 */
const slowBytesPerMs = 20_000;
const pausesMs = { ample: 0, tight: 500, full: 50 } as const;
/** The longest wait for the answer to a question. */
const answerMs = 500;

export class Pacing {
  readonly #clockwork: Clockwork;
  readonly #limits: MemoryLimits;
  /** Of whom a question is to be answered before more is read: what ends the wait. */
  readonly #asking = new WeakMap<PeerLink, () => void>();

  constructor(clockwork: Clockwork, limits: MemoryLimits) {
    this.#clockwork = clockwork;
    this.#limits = limits;
  }

  /** A frame was heard of any peer: the disk may be slower than the peers, or full. */
  heard(link: PeerLink): void {
    if (this.#clockwork.waitingBytes > this.#limits.waitingBytes) link.throttle(pausesMs.tight);
  }

  heardFromClient(link: PeerLink, messages: readonly FromClient[]): void {
    this.heard(link);
    // Events that are kept happen later, when many more questions might have been read.
    if (this.#clockwork.keeps && messages.some(({ type }) => isQuestion(type))) {
      const goOn = link.throttle(answerMs);
      if (goOn) this.#asking.set(link, goOn);
    }
    const longestMs = pausesMs[this.#clockwork.level];
    if (longestMs === 0) return;
    const ms = Math.min(burdenOf(messages) / slowBytesPerMs, longestMs);
    if (ms >= 1) link.throttle(ms);
  }

  /** Sends an answer, which may be long though the question was short. */
  answer(link: PeerLink, message: AnswerMessage): void {
    // Frames that were read with others are heard though reading has stopped.
    const isBehind = link.bufferedBytes > 2 * this.#limits.pauseAboveBytes;
    const isLeftOut = isBehind && "to" in message && isQuestion(message.to);
    link.send(isLeftOut ? unread(message.id) : message);
    link.pack();
    this.#asking.get(link)?.();
  }
}

function isQuestion(type: string): boolean {
  return Object.hasOwn(queries, type);
}

function unread(id: number): AnswerMessage {
  const message =
    "read the answers to earlier questions, then ask again: too much of them waits for you";
  return { type: "answer", id, failure: { code: "overloaded", message } };
}
