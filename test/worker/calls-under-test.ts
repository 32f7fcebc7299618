// The worker's inside with real threads and no socket: messages in, reports out.

import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { errorOf } from "../../src/errors/failure.ts";
import type { Log } from "../../src/log.ts";
import { decode, encode, type Payload } from "../../src/payload/payload.ts";
import type { Failure, FromWorker, RunMessage } from "../../src/wire/protocol.ts";
import { tested } from "../isolation.ts";
import { Calls, type CallsOptions } from "../../worker/calls/calls.ts";
import { Reports, type Outbox } from "../../worker/reports.ts";

export const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** What became of an attempt, as the scheduler would hear. */
export type End =
  | { type: "finished"; value: unknown; micros: number }
  | { type: "failed"; failure: Failure; error: Error }
  | { type: "withdrawn" }
  | { type: "stopped" };

type Options = Partial<Omit<CallsOptions, "modules" | "log">> & {
  modules?: CallsOptions["modules"];
};

export class CallsUnderTest implements Outbox {
  readonly calls: Calls;
  readonly messages: FromWorker[] = [];
  readonly logs: { level: string; text: string; facts: Record<string, unknown> | undefined }[] = [];
  readonly broken: Error[] = [];
  readonly stuck: Error[] = [];
  readonly outages: (string | undefined)[] = [];
  readonly #ends = new Map<string, End[]>();
  /** How far `ends` has read; the newest message may still have grown since. */
  #read = { messages: 0, columns: 0 };
  #key = 0;
  lastUnsent: FromWorker | undefined;
  #watchers: (() => void)[] = [];

  constructor(options: Options = {}) {
    const note =
      (level: string): Log["info"] =>
      (text, facts) => {
        this.logs.push({ level, text, facts });
        this.#wake();
      };
    this.calls = new Calls(
      {
        modules: [{ path: fixture("behaviours.ts") }],
        threads: 1,
        concurrency: 1,
        name: "w0",
        isolation: tested.isolation,
        // Everything is small, and comes along.
        results: {
          keep: (_, value) => value,
          gather: () => undefined,
          isSmall: () => true,
          expect: () => undefined,
          unexpect: () => undefined,
          place: () => Promise.reject(new Error("nothing is large")),
          fetch: () => Promise.reject(new Error("nothing is elsewhere")),
        },
        outage: (reason) => {
          this.outages.push(reason);
          this.#wake();
        },
        broken: (error) => {
          this.broken.push(error);
          this.#wake();
        },
        stuck: (error) => {
          this.stuck.push(error);
          this.#wake();
        },
        ...options,
        log: {
          debug: note("debug"),
          info: note("info"),
          warning: note("warning"),
          error: note("error"),
        },
      },
      new Reports(this),
    );
  }

  static async start(options: Options = {}): Promise<CallsUnderTest> {
    const tested = new CallsUnderTest(options);
    onTestFinished(() => tested.calls.close());
    await tested.calls.start();
    return tested;
  }

  /** Sends a call for each list of arguments; returns their keys. */
  run(
    name: string,
    lists: readonly (readonly unknown[])[],
    options: Partial<RunMessage> & { inputValues?: unknown[] } = {},
  ): string[] {
    const { inputValues, ...rest } = options;
    const keys = lists.map(() => `k${this.#key++}`);
    this.calls.receive({
      type: "run",
      name,
      keys,
      attempts: keys.map(() => 1),
      args: lists.map((list) => encode(list).payload),
      ...(inputValues && {
        inputs: keys.map(() => inputValues.map((value) => encode(value).payload)),
      }),
      ...rest,
    });
    return rest.keys ?? keys;
  }

  cancel(keys: string[], attempt = 1, reason?: string): void {
    const attempts = keys.map(() => attempt);
    const said = reason === undefined ? {} : { reason };
    this.calls.receive({ type: "cancel", keys, attempts, ...said });
  }

  withdraw(keys: string[]): void {
    this.calls.receive({ type: "withdraw", keys, attempts: keys.map(() => 1) });
  }

  /** The ends of all attempts, by key, in the order they were reported. */
  get ends(): ReadonlyMap<string, readonly End[]> {
    for (let message = this.messages[this.#read.messages]; message;) {
      for (const [key, end] of endsIn(message, this.#read.columns)) {
        this.#ends.set(key, [...(this.#ends.get(key) ?? []), end]);
        this.#read.columns += 1;
      }
      if (message === this.messages.at(-1)) break;
      this.#read = { messages: this.#read.messages + 1, columns: 0 };
      message = this.messages[this.#read.messages];
    }
    return this.#ends;
  }

  get started(): string[] {
    return this.messages.flatMap((message) => (message.type === "started" ? message.keys : []));
  }

  /** The ends of these attempts, once all are there. */
  async endsOf(keys: readonly string[]): Promise<End[]> {
    let there = 0;
    await this.until(() => {
      const { ends } = this;
      while (there < keys.length && ends.has(keys[there]!)) there += 1;
      return there === keys.length;
    });
    return keys.map((key) => this.#ends.get(key)![0]!);
  }

  async endOf(key: string | undefined): Promise<End> {
    return (await this.endsOf([key!]))[0]!;
  }

  async valuesOf(keys: readonly string[]): Promise<unknown[]> {
    return (await this.endsOf(keys)).map((end) => {
      if (end.type !== "finished") throw new Error(`it ${end.type}`, { cause: end });
      return end.value;
    });
  }

  /** Calls a function and waits for what it returns. */
  async call(name: string, ...args: unknown[]): Promise<unknown> {
    return (await this.valuesOf(this.run(name, [args])))[0];
  }

  /** Resolves when `holds` does; looked at after every report and log line. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  send(message: FromWorker): void {
    this.messages.push(message);
    this.lastUnsent = message;
    setImmediate(() => {
      if (this.lastUnsent === message) this.lastUnsent = undefined;
      this.#wake();
    });
  }

  #wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

/** The ends that a message tells of, from this column on. */
function endsIn(message: FromWorker, from: number): [key: string, end: End][] {
  switch (message.type) {
    case "finished": {
      const { keys, values, micros } = message;
      return keys.slice(from).map((key, index) => {
        const value = decode(values[from + index] as Payload);
        return [key, { type: "finished", value, micros: micros[from + index]! }];
      });
    }
    case "failed": {
      const { key, failure } = message;
      return from > 0 ? [] : [[key, { type: "failed", failure, error: errorOf(failure) }]];
    }
    case "withdrawn":
    case "stopped":
      return message.keys.slice(from).map((key) => [key, { type: message.type }]);
    default:
      return [];
  }
}
