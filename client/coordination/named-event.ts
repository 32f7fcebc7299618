// Events: something has happened, and everybody who waits for it may go on.

import type { WaitLimits } from "../watch.ts";
import { checkedName, type Ask, type Coordinator } from "./coordinator.ts";

/**
 * A flag that all clients of a scheduler share by its name, and can wait for. It is not set at first,
 * and stays set, whoever comes and goes, until somebody clears it.
 *
 * @example
 * const ready = client.event("model-loaded");
 * await ready.wait(); // here, while elsewhere: await client.event("model-loaded").set()
 */
export class NamedEvent {
  readonly name: string;
  readonly #coordinator: Coordinator;

  /** @internal Use `client.event`. */
  constructor(coordinator: Coordinator, name: string) {
    this.#coordinator = coordinator;
    this.name = checkedName(name, "event");
  }

  /** Sets it, and everybody who waits goes on. */
  set(): Promise<void> {
    return this.#coordinator.do(this.#ask("set"), () => undefined);
  }

  /** Clears it: whoever waits from now on waits for the next `set`. */
  clear(): Promise<void> {
    return this.#coordinator.do(this.#ask("clear"), () => undefined);
  }

  /** Whether it is set now. */
  isSet(): Promise<boolean> {
    return this.#coordinator.do(this.#ask("look"), ({ number }) => number === 1);
  }

  /**
   * Waits until it is set.
   *
   * @param limits `timeoutMs` (milliseconds, default: none) and `signal`
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  wait(limits: WaitLimits = {}): Promise<void> {
    const late = `the event "${this.name}" was not set`;
    return this.#coordinator.request(this.#ask("wait"), {
      ...limits,
      late,
      read: () => undefined,
    });
  }

  #ask(op: Ask["op"]): Ask {
    return { kind: "event", name: this.name, op };
  }
}
