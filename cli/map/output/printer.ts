// Prints what jobs write: all of a job when it ends, line by line, or at once, in the order in which jobs
// end or begin. Of each job, standard output comes before standard error.

import { Deque } from "../../../scheduler/core/structures/deque.ts";
import { LineWriter } from "./line-writer.ts";
import { Spool, SpoolRoom } from "./spool.ts";
import type { Sink } from "./standard-output.ts";

export type PrinterOptions = {
  /** `group`: when the job ends; `line`: whole lines at once; `none`: everything at once, without a tag. */
  readonly mode: "group" | "line" | "none";
  /** Jobs are printed in the order in which they begin. */
  readonly keepOrder: boolean;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly room?: SpoolRoom;
  /** Hears of the first error of writing. No more is printed from then on. */
  readonly onError?: (error: Error) => void;
};

export type OutputStream = "stdout" | "stderr";

/** Where the output of one job goes. */
export type JobOutput = {
  /** Returns a promise when the job should wait before it writes more. */
  write(stream: OutputStream, bytes: Uint8Array): void | Promise<void>;
  /** The job begins again: what is not printed yet is dropped. */
  startAgain(): void;
  /**
   * The job has ended. Resolves when its output is printed, or when the printer closes before that is
   * its turn.
   *
   * @param printed called when the output is printed, before that of any other job
   */
  end(printed?: () => void): Promise<void>;
  /** The bytes that GNU Parallel counts as received: those of stdout, with `line` of both, with `none` of neither. */
  readonly receivedBytes: number;
};

export class Printer {
  readonly #options: PrinterOptions;
  readonly #room: SpoolRoom;
  /** Those that are to be printed next, in this order. */
  readonly #queue = new Deque<PrintedJob>();
  #isPrinting = false;
  #error: Error | undefined;
  #closed = false;

  constructor(options: PrinterOptions) {
    this.#options = options;
    this.#room = options.room ?? new SpoolRoom();
  }

  /**
   * With `keepOrder`, the calls make the order.
   *
   * @param job what each line begins with, and sinks in place of those of the printer
   */
  begin(job: { tag?: string; stdout?: Sink; stderr?: Sink } = {}): JobOutput {
    const { mode, keepOrder, stdout, stderr } = this.#options;
    const inOrder = keepOrder && mode !== "none";
    const output = new PrintedJob({
      mode,
      room: this.#room,
      tag: mode === "none" ? undefined : job.tag,
      isDirect: mode !== "group" && !inOrder,
      stdout: job.stdout ?? stdout,
      stderr: job.stderr ?? stderr,
      onEnd: () => {
        if (this.#closed || this.#error) return output.drop();
        if (!inOrder) this.#queue.pushBack(output);
        this.#print();
      },
      onError: (error) => this.#fail(error),
    });
    if (inOrder) {
      this.#queue.pushBack(output);
      this.#print();
    }
    return output;
  }

  /**
   * What waits behind a job that has not ended is dropped.
   *
   * @throws {Error} when something could not be written or kept
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#drop();
    this.#room.close();
    if (this.#error) throw this.#error;
  }

  #print(): void {
    if (this.#isPrinting) return;
    this.#isPrinting = true;
    this.#printQueue().catch((error: unknown) => this.#fail(error as Error));
  }

  /** Runs without waiting as long as nothing has to be waited for. */
  async #printQueue(): Promise<void> {
    try {
      for (let job; (job = this.#queue.first);) {
        if (!job.isEnded && this.#options.mode === "group") return;
        const wait = job.release();
        if (wait) await wait;
        if (!job.isEnded || this.#closed || this.#error) return;
        this.#queue.popFront();
        job.finish();
      }
    } finally {
      this.#isPrinting = false;
    }
  }

  #fail(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    this.#drop();
    this.#options.onError?.(error);
  }

  #drop(): void {
    for (let job; (job = this.#queue.popFront());) job.drop();
  }
}

type PrintedJobOptions = {
  mode: PrinterOptions["mode"];
  room: SpoolRoom;
  tag: string | undefined;
  isDirect: boolean;
  stdout: Sink;
  stderr: Sink;
  onEnd: () => void;
  onError: (error: Error) => void;
};

/** The output of one job: waits in spools until it is released, and passes through from then on. */
class PrintedJob implements JobOutput {
  receivedBytes = 0;
  isEnded = false;
  readonly #mode: PrinterOptions["mode"];
  readonly #room: SpoolRoom;
  readonly #lines: Readonly<Record<OutputStream, LineWriter>>;
  readonly #spools: Partial<Record<OutputStream, Spool>> = {};
  #isDirect: boolean;
  readonly #onEnd: () => void;
  readonly #onError: (error: Error) => void;
  #printed: (() => void) | undefined;
  #resolve: (() => void) | undefined;

  constructor({ mode, room, tag, isDirect, stdout, stderr, onEnd, onError }: PrintedJobOptions) {
    this.#mode = mode;
    this.#room = room;
    this.#isDirect = isDirect;
    const prefix = tag === undefined ? undefined : Buffer.from(`${tag}\t`);
    this.#lines = {
      stdout: new LineWriter(stdout, prefix, mode === "line"),
      stderr: new LineWriter(stderr, prefix, mode === "line"),
    };
    this.#onEnd = onEnd;
    this.#onError = onError;
  }

  write(stream: OutputStream, bytes: Uint8Array): void | Promise<void> {
    const isCounted = this.#mode === "line" || (this.#mode === "group" && stream === "stdout");
    if (isCounted) this.receivedBytes += bytes.length;
    try {
      if (!this.#isDirect) return (this.#spools[stream] ??= new Spool(this.#room)).write(bytes);
      return this.#lines[stream].write(bytes)?.catch(this.#onError);
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  startAgain(): void {
    if (this.#mode === "group") this.receivedBytes = 0;
    this.#clear();
  }

  end(printed?: () => void): Promise<void> {
    this.#printed = printed;
    this.isEnded = true;
    for (const spool of Object.values(this.#spools)) spool.rest();
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#onEnd();
    });
  }

  /** Prints what waits, and from then on everything at once. */
  release(): void | Promise<void> {
    if (this.#isDirect) return;
    const { stdout, stderr } = this.#spools;
    const wait = stdout?.moveTo(this.#lines.stdout);
    if (wait) return wait.then(() => this.release());
    const waitToo = stderr?.moveTo(this.#lines.stderr);
    if (waitToo) return waitToo.then(() => this.release());
    this.#isDirect = true;
  }

  /** All that waited is printed. */
  finish(): void {
    // GNU Parallel counts a last line without an end twice.
    for (const stream of ["stdout", "stderr"] as const)
      this.receivedBytes += this.#lines[stream].end();
    try {
      this.#printed?.();
    } finally {
      this.#resolve?.();
    }
  }

  drop(): void {
    this.#resolve?.();
    this.#clear();
  }

  #clear(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      this.#spools[stream]?.clear();
      this.#lines[stream].clear();
    }
  }
}
