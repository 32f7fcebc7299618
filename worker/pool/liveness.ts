// Whether a thread answers. It is asked when it could begin a call and does not: what a task has left behind
// may hold it up, such as a timer that never returns.

/** Calls that wait on a thread which has not answered for so long go elsewhere, and no more are handed to it. */
const heldUpMs = 1_000;
/**
 * A thread that executes nothing and has not answered for so long is replaced. That is longer than a collection
 * of a large heap takes, and than a thread waits for a processor of a busy machine.
 */
const wedgedMs = 5_000;
/** A look counts no more than this: when it comes later, this process itself stood still. */
const longestStepMs = 100;

export type Look = {
  /** `performance.now()` */
  readonly now: number;
  /** Calls that have not begun, and that execute; and whether there is a slot that none of these has. */
  readonly waiting: number;
  readonly executing: number;
  readonly hasFreeSlot: boolean;
  /** Bytes of what it was handed that have not left this process. */
  readonly unsentBytes: number;
};

export class Liveness {
  readonly #ask: () => void;
  #isAsked = false;
  #isHeldUp = false;
  #lookedAt = 0;
  /** Without an answer; and without an answer while nothing is executing. */
  #silentMs = 0;
  #idleMs = 0;
  #unsentBytes = 0;

  /** @param ask asks the thread, which answers when its event loop turns */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** The thread has not begun what it could begin, and is handed nothing. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  answered(): void {
    this.#isAsked = this.#isHeldUp = false;
  }

  /** Whether the thread has to be replaced. To be called again and again while the thread has calls or is held up. */
  isWedged({ now, waiting, executing, hasFreeSlot, unsentBytes }: Look): boolean {
    const stepMs = Math.min(now - this.#lookedAt, longestStepMs);
    const isSending = unsentBytes > 0 && unsentBytes !== this.#unsentBytes;
    this.#lookedAt = now;
    this.#unsentBytes = unsentBytes;
    if (!this.#isAsked) {
      if (waiting === 0 || !hasFreeSlot) return false;
      this.#isAsked = true;
      this.#silentMs = this.#idleMs = 0;
      this.#ask();
      return false;
    }
    if (isSending) this.#silentMs = this.#idleMs = 0;
    // The user's code may hold up its thread for as long as its call executes.
    this.#silentMs = hasFreeSlot ? this.#silentMs + stepMs : 0;
    this.#idleMs = executing === 0 ? this.#idleMs + stepMs : 0;
    this.#isHeldUp ||= this.#silentMs > heldUpMs;
    return this.#isHeldUp && this.#idleMs > wedgedMs;
  }
}
