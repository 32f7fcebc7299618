// Standard output and standard error, written in the order of the calls, also when both are one file. A
// slow reader makes the writes wait, never the event loop: the links to the cluster stay alive.

import { write } from "node:fs";
import { promisify } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { Deque } from "../../../scheduler/core/structures/deque.ts";

/** Takes bytes, in order. Returns a promise when the writer should wait before it writes more. Whoever does not wait need not look at it. */
export type Sink = { write(bytes: Uint8Array): void | Promise<void> };

const writeFile = promisify(write);

/** Whoever writes while more than this waits to be written is told to wait. */
const mostWaitingBytes = 2 ** 20;
/** Small pieces are joined up to this length. */
const joinedBytes = 64 * 1024;
/** The time before another try, when a file descriptor that never blocks is full. */
const fullPauseMs = 5;

export class StandardOutput {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly #waiting = new Deque<{ fd: number; bytes: Uint8Array }>();
  #waitingBytes = 0;
  #writtenBytes = 0;
  /** What is to be done when so many bytes are written. */
  readonly #afterwards = new Deque<{ readonly bytes: number; readonly run: () => void }>();
  /** Set while something is being written. */
  #writing: Promise<void> | undefined;
  #error: Error | undefined;
  readonly #onError: ((error: Error) => void) | undefined;

  /** @param onError hears of the first error of writing. Nothing is written from then on. */
  constructor(onError?: (error: Error) => void) {
    this.#onError = onError;
    this.stdout = this.#sink(1, process.stdout);
    this.stderr = this.#sink(2, process.stderr);
  }

  /**
   * Resolves when all is written.
   *
   * @throws {Error} when something could not be written
   */
  async flushed(): Promise<void> {
    await this.#writing;
    if (this.#error) throw this.#error;
  }

  /** Runs this when all is written that was put in before; at once when nothing waits. */
  whenWritten(run: () => void): void {
    if (this.#error) return;
    if (this.#waitingBytes === 0) run();
    else this.#afterwards.pushBack({ bytes: this.#writtenBytes + this.#waitingBytes, run });
  }

  /** What goes to a terminal passes through its stream, where a bar may hold it back. */
  #sink(fd: number, stream: NodeJS.WriteStream): Sink {
    if (stream.isTTY) return { write: (bytes) => void stream.write(bytes) };
    return { write: (bytes) => this.#add(fd, bytes) };
  }

  #add(fd: number, bytes: Uint8Array): void | Promise<void> {
    if (this.#error) return;
    this.#waiting.pushBack({ fd, bytes });
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#writeAll();
    if (this.#waitingBytes > mostWaitingBytes) return this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What the running code still writes goes into the same piece.
    await Promise.resolve();
    try {
      for (let next; (next = this.#next());) {
        await writeWhole(next.fd, next.bytes);
        this.#waitingBytes -= next.bytes.length;
        this.#writtenBytes += next.bytes.length;
        this.#runDue();
      }
    } catch (error) {
      this.#error = error as Error;
      this.#waiting.clear();
      this.#afterwards.clear();
      this.#onError?.(this.#error);
    } finally {
      this.#writing = undefined;
    }
  }

  #runDue(): void {
    for (let next; (next = this.#afterwards.first) && next.bytes <= this.#writtenBytes;) {
      this.#afterwards.popFront();
      next.run();
    }
  }

  /** The bytes that come next for one of the two. */
  #next(): { fd: number; bytes: Uint8Array } | undefined {
    const first = this.#waiting.popFront();
    if (!first) return undefined;
    const parts = [first.bytes];
    let length = first.bytes.length;
    for (let next; (next = this.#waiting.first); this.#waiting.popFront()) {
      length += next.bytes.length;
      if (next.fd !== first.fd || length > joinedBytes) break;
      parts.push(next.bytes);
    }
    return { fd: first.fd, bytes: parts.length === 1 ? first.bytes : Buffer.concat(parts) };
  }
}

async function writeWhole(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    try {
      at += (await writeFile(fd, bytes, at)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await sleep(fullPauseMs);
    }
  }
}
