// One line on the standard error of a terminal, below everything that is printed. Without a terminal,
// each state is a line of its own.

import type { WriteStream } from "node:tty";
import { HeldOutput } from "../../../client/held-output.ts";

const clearLine = "\r\x1b[K";
const wrapOff = "\x1b[?7l";
const wrapOn = "\x1b[?7h";
const reversed = "\x1b[7m";
const plain = "\x1b[0m";

/** The streams of the process, or those of a test. */
export type Terminal = { readonly stdout: WriteStream; readonly stderr: WriteStream };

export class StatusLine {
  readonly isTerminal: boolean;
  readonly #stderr: WriteStream;
  readonly #held: readonly HeldOutput[];
  #drawn = "";
  readonly #end = () => this.close();

  /** From now on, what the program writes to the terminal appears above the line. */
  constructor({ stdout, stderr }: Terminal = process) {
    this.#stderr = stderr;
    this.isTerminal = stderr.isTTY === true;
    const terminals = !this.isTerminal ? [] : stdout.isTTY ? [stderr, stdout] : [stderr];
    this.#held = terminals.map((stream) => new HeldOutput(stream, (lines) => this.#print(lines)));
    // Without this the beginning of a line would be lost.
    process.once("exit", this.#end);
  }

  /**
   * @param text is cut at the width of the terminal
   * @param share the part of the width that is shown as done, from 0 to 1
   */
  show(text: string, share = 0): void {
    const [terminal] = this.#held;
    if (!terminal) {
      this.#stderr.write(`${text}\n`);
      return;
    }
    const width = Math.max(0, (terminal.columns || 80) - 1);
    const cells = fitting(printable(text), width);
    const done = [...cells].slice(0, Math.round(share * width)).join("");
    // A terminal whose width has changed, or that shows a character wider than expected, must not wrap.
    this.#drawn =
      share > 0
        ? `${wrapOff}${reversed}${done}${plain}${cells.slice(done.length)}${wrapOn}`
        : `${wrapOff}${cells.trimEnd()}${wrapOn}`;
    terminal.write(clearLine + this.#drawn);
  }

  /** Leaves the last state, and lets the program write by itself again. */
  close(): void {
    process.removeListener("exit", this.#end);
    if (this.#drawn !== "") this.#held[0]?.write("\n");
    this.#drawn = "";
    for (const held of this.#held) held.release();
  }

  #print(lines: string): void {
    this.#held[0]!.write((this.#drawn && clearLine) + lines + this.#drawn);
  }
}

/** A text of exactly this many cells; characters that may be wide take two. */
function fitting(text: string, width: number): string {
  let fits = "";
  let cells = 0;
  for (const character of text) {
    const wide = character.codePointAt(0)! >= 0x1100 ? 2 : 1;
    if (cells + wide > width) break;
    fits += character;
    cells += wide;
  }
  return fits + " ".repeat(width - cells);
}

/** Inputs must not move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}
