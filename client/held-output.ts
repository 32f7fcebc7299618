// The output of the program on a terminal that shows something else below it: whole lines are handed on
// to whoever shows that, and the beginning of a line waits for its end.

import { nextTick } from "../src/timers.ts";
import type { WriteStream } from "node:tty";

/** A line without an end that is longer than this, in characters, is cut. */
const longestLine = 64 * 1024;

export class HeldOutput {
  readonly isTTY = true;
  readonly #stream: WriteStream;
  readonly #original: WriteStream["write"];
  readonly #held: WriteStream["write"];
  readonly #decoder = new TextDecoder();
  /** The beginning of a line. */
  #begun = "";

  /** Begins to hold what the program writes to this stream; `onLines` receives it. */
  constructor(stream: WriteStream, onLines: (lines: string) => void) {
    this.#stream = stream;
    // eslint-disable-next-line @typescript-eslint/unbound-method
    this.#original = stream.write;
    this.#held = (chunk: string | Uint8Array, ...rest: unknown[]) => {
      const text = this.#begun + this.#textOf(chunk, rest[0]);
      const end = text.length > longestLine ? text.length : text.lastIndexOf("\n") + 1;
      this.#begun = text.slice(end);
      const lines = text.slice(0, end);
      if (lines !== "") onLines(lines.endsWith("\n") ? lines : `${lines}\n`);
      const callback = rest.find((each): each is () => void => typeof each === "function");
      if (callback) nextTick(callback);
      return true;
    };
    stream.write = this.#held;
  }

  get columns(): number {
    return this.#stream.columns;
  }

  /** Writes to the terminal at once, as who shows something there does. */
  write(text: string): boolean {
    return this.#original.call(this.#stream, text);
  }

  /** Writes the beginning of a line, and lets the program write by itself. */
  release(): void {
    if (this.#begun !== "") this.write(this.#begun);
    this.#begun = "";
    // Somebody else may have taken the stream meanwhile, and still use what was there.
    if (this.#stream.write === this.#held) this.#stream.write = this.#original;
  }

  #textOf(chunk: string | Uint8Array, encoding: unknown): string {
    if (typeof chunk !== "string") return this.#decoder.decode(chunk, { stream: true });
    if (typeof encoding !== "string" || /^utf-?8$/i.test(encoding)) return chunk;
    return this.#decoder.decode(Buffer.from(chunk, encoding as BufferEncoding), { stream: true });
  }
}
