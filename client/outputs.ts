// Who listens to the output of which task. What a listener has taken is told, so that the task goes on.

import { decode, payloadBytes } from "../src/payload/payload.ts";
import type { OutputTaken } from "../src/wire/output.ts";
import type { ToClient } from "../src/wire/protocol.ts";

/** The task that puts something out; `start` counts how often it has begun: 2 after a retry. */
export type OutputSource = { readonly key: string; readonly start: number };
export type OutputListener = (value: unknown, source: OutputSource) => unknown;

type Output = Extract<ToClient, { type: "output" }>;

export class Outputs {
  readonly #listeners = new Map<string, OutputListener>();
  readonly #tell: (taken: OutputTaken) => void;

  constructor(tell: (taken: OutputTaken) => void) {
    this.#tell = tell;
  }

  listen(key: string, listener: OutputListener): void {
    this.#listeners.set(key, listener);
  }

  forget(key: string): void {
    if (this.#listeners.size > 0) this.#listeners.delete(key);
  }

  forgetAll(): void {
    this.#listeners.clear();
  }

  /** An error of the listener is left unhandled, for it is the program's own. */
  async receive({ key, attempt, start, value }: Output): Promise<void> {
    const listener = this.#listeners.get(key);
    try {
      await listener?.(decode(value), { key, start });
    } finally {
      this.#tell({ type: "output-taken", key, attempt, bytes: payloadBytes(value) });
    }
  }
}
