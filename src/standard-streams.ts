// Standard output and standard error of a process that must go on whatever becomes of them: their reader is gone
// or stands still, or the disk is full.

import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { setTimeout } from "./timers.ts";

/**
 * A descriptor for a standard stream whose writes do not block, where that can be had: a thread that is blocked in a
 * write cannot be ended. A pipe or terminal can be opened anew for that; a socket does not block once the stream of
 * Node has been opened, and a file never does.
 */
export function openWithoutBlocking(standard: 1 | 2): number {
  try {
    const stat = fstatSync(standard);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return standard;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${standard}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return standard;
  }
}

/** Bytes of lines that wait for somebody to read them; further lines are dropped. */
const mostWaitingBytes = 2 ** 20;
/** The pauses between attempts while nobody reads, in milliseconds: twice as long each time. */
const firstPauseMs = 2;
const longestPauseMs = 128;

/** `tells`: of so many dropped lines. */
type Piece = { bytes: Uint8Array; readonly tells: number };

/** Writes lines without waiting. What cannot be written is dropped and counted, and the next line that can says so. */
export class Lines {
  readonly #write: (bytes: Uint8Array) => number;
  /** For a reader that does not read now. */
  #waiting: Piece[] = [];
  #waitingBytes = 0;
  #triesLater = false;
  #pauseMs = firstPauseMs;
  #dropped = 0;
  #why = "";
  /** The last piece was lost after a part of it had been written. */
  #isCut = false;

  /** @param write writes without blocking, and returns how many bytes it has taken; throws as `fs.writeSync` does */
  constructor(write: (bytes: Uint8Array) => number) {
    this.#write = write;
  }

  /** @param line with its line end */
  write(line: string): void {
    const bytes = Buffer.from(line);
    const isBehind = this.#waiting.length > 0;
    const isFull = this.#waitingBytes + bytes.length > mostWaitingBytes;
    if (isBehind && (isFull || this.#dropped > 0)) {
      this.#dropped += 1;
      this.#why = "nobody read them";
      return;
    }
    if (this.#dropped > 0) {
      const text = `${this.#dropped} lines of the log were dropped: ${this.#why}\n`;
      this.#add(Buffer.from(this.#isCut ? `\n${text}` : text), this.#dropped);
    }
    this.#add(bytes, 0);
    if (!isBehind) this.#flush();
  }

  #add(bytes: Uint8Array, tells: number): void {
    this.#waiting.push({ bytes, tells });
    this.#waitingBytes += bytes.length;
  }

  #flush(): void {
    for (let [piece] = this.#waiting; piece; [piece] = this.#waiting) {
      let written: number;
      try {
        written = this.#write(piece.bytes);
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (code === "EINTR") continue;
        if (code === "EAGAIN") return this.#tryLater();
        return this.#lose(code);
      }
      this.#pauseMs = firstPauseMs;
      this.#waitingBytes -= written;
      this.#isCut = written < piece.bytes.length;
      if (this.#isCut) {
        piece.bytes = piece.bytes.subarray(written);
        continue;
      }
      this.#waiting.shift();
      this.#dropped -= piece.tells;
    }
  }

  #tryLater(): void {
    if (this.#triesLater) return;
    this.#triesLater = true;
    setTimeout(() => {
      this.#triesLater = false;
      this.#flush();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs);
  }

  #lose(why: string): void {
    this.#dropped += this.#waiting.filter(({ tells }) => tells === 0).length;
    this.#why = why;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

let standardError: Lines | undefined;

/** Writes a line to standard error, and never fails. */
export function writeErrorLine(line: string): void {
  standardError ??= linesTo(2);
  standardError.write(line);
}

function linesTo(standard: 1 | 2): Lines {
  let descriptor: number | undefined;
  return new Lines((bytes) => {
    descriptor ??= openWithoutBlocking(standard);
    return writeSync(descriptor, bytes);
  });
}

/** Has this process go on when one of its standard streams cannot be written to. What is written there is lost. */
export function outliveStandardStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners("error");
    stream.on("error", () => undefined);
  }
}
