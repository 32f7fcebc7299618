// Events: something has happened, and everybody who waits for it may go on.

import type { Session } from "../session.ts";
import type { WaitLimits } from "../watch.ts";
import {
  checkedLimits,
  checkedName,
  coordinate,
  coordinateAtOnce,
  type Operation,
} from "./coordinate.ts";

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
  readonly #session: Session;

  /** @internal Use `client.event`. */
  constructor(session: Session, name: string) {
    this.#session = session;
    this.name = checkedName(name, "event");
  }

  /** Sets it, and everybody who waits goes on. */
  set(): Promise<void> {
    return coordinateAtOnce(this.#session, this.#ask("set"), () => undefined);
  }

  /** Clears it: whoever waits from now on waits for the next `set`. */
  clear(): Promise<void> {
    return coordinateAtOnce(this.#session, this.#ask("clear"), () => undefined);
  }

  /** Whether it is set now. */
  isSet(): Promise<boolean> {
    return coordinateAtOnce(this.#session, this.#ask("look"), ({ number }) => number === 1);
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
    return coordinate(this.#session, this.#ask("wait"), {
      ...checkedLimits(limits, "waiting for an event"),
      late,
      read: () => undefined,
    });
  }

  #ask(op: Operation["op"]): Operation {
    return { kind: "event", name: this.name, op };
  }
}
