// What the user's code prints on this thread. Node hands it to the main thread when the event loop turns,
// so all of it waits in memory while a call does not yield, and is lost with the thread. Here it is written
// at once, in order, to where the process writes. What cannot be written is dropped and counted.

import { writeSync } from "node:fs";
import { openWithoutBlocking } from "../../src/standard-streams.ts";
import { now } from "../boundary/intrinsics.ts";

/** How long a call waits for a reader that does not read, in milliseconds, before its output is dropped. */
const patienceMs = 5_000;
/** The pauses in between, in milliseconds. */
const longestPauseMs = 20;

/** @param warn receives why output is dropped, and how much */
export function printAtOnce(warn: (text: string) => void): void {
  redirect(process.stdout, new Output(1, "standard output", warn));
  redirect(process.stderr, new Output(2, "standard error", warn));
}

type Chunk = { chunk: string | Uint8Array; encoding: BufferEncoding };

function redirect(stream: NodeJS.WriteStream, output: Output): void {
  const write = (chunk: Chunk["chunk"], encoding: BufferEncoding) =>
    output.write(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
  Object.assign(stream, {
    /** One task must not end what all tasks of the thread print on. */
    end(...given: unknown[]) {
      const done = given.find((each) => typeof each === "function") as (() => void) | undefined;
      const [chunk = "", encoding] = given.filter((each) => each !== done && each !== null);
      stream.write(chunk as string, encoding as BufferEncoding | undefined, done);
      return stream;
    },
    _write(chunk: Chunk["chunk"], encoding: BufferEncoding, done: () => void) {
      write(chunk, encoding);
      done();
    },
    /** What was written while the stream was corked. */
    _writev(chunks: Chunk[], done: () => void) {
      for (const { chunk, encoding } of chunks) write(chunk, encoding);
      done();
    },
  });
}

class Output {
  readonly #standard: 1 | 2;
  readonly #name: string;
  readonly #warn: (text: string) => void;
  readonly #cell = new Int32Array(new SharedArrayBuffer(4));
  #descriptor: number | undefined = undefined;
  #dropped = 0;
  /** The reader did not read for so long that nobody waits for it any more. */
  #isStuck = false;

  constructor(standard: 1 | 2, name: string, warn: (text: string) => void) {
    this.#standard = standard;
    this.#name = name;
    this.#warn = warn;
  }

  write(bytes: Uint8Array): void {
    this.#descriptor ??= openWithoutBlocking(this.#standard);
    let written = 0;
    let progressAt: number | undefined;
    for (let pauseMs = 1; written < bytes.length;) {
      try {
        written += writeSync(this.#descriptor, bytes, written);
        this.#isStuck = false;
        progressAt = undefined;
        pauseMs = 1;
        this.#sayDropped();
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (code === "EINTR") continue;
        progressAt ??= now();
        const isFull = code === "EAGAIN";
        if (!isFull || this.#isStuck || now() - progressAt > patienceMs) {
          this.#isStuck = isFull;
          this.#drop(isFull ? "nobody reads it" : code);
          return;
        }
        Atomics.wait(this.#cell, 0, 0, pauseMs);
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      }
    }
  }

  /** The stream takes output again. */
  #sayDropped(): void {
    if (this.#dropped === 0) return;
    this.#warn(`${this.#name} takes output again: ${this.#dropped} pieces of it were dropped`);
    this.#dropped = 0;
  }

  /** Says so the first time, the tenth, the hundredth and so on. */
  #drop(why: string): void {
    this.#dropped += 1;
    if (!/^10*$/.test(String(this.#dropped))) return;
    const times = this.#dropped === 1 ? "what a task printed" : `${this.#dropped} pieces of output`;
    this.#warn(`${times} could not be written to ${this.#name}: ${why}`);
  }
}
