// Holds messages back until something else has arrived. A future of another client may be an argument
// before the scheduler has heard of its task, and the two clients' links are not ordered: so what uses
// it, and everything said after that, waits for the other client's link.

import type { FromClient } from "../src/wire/protocol.ts";
import type { Outlet } from "./message-writer.ts";

export class Gate implements Outlet {
  readonly #outlet: Outlet;
  #held: FromClient[] = [];
  #awaited = 0;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  get lastUnsent(): FromClient | undefined {
    return this.#awaited > 0 ? this.#held.at(-1) : this.#outlet.lastUnsent;
  }

  send(message: FromClient): void {
    if (this.#awaited > 0) this.#held.push(message);
    else this.#outlet.send(message);
  }

  /** Messages from now on leave when this has settled; those before it are not held. */
  holdUntil(arrived: Promise<void>): void {
    this.#awaited++;
    const open = () => {
      this.#awaited--;
      if (this.#awaited === 0) this.flush();
    };
    arrived.then(open, open);
  }

  /** Sends what is held, in order. */
  flush(): void {
    for (const message of this.#held.splice(0)) this.#outlet.send(message);
  }

  /** The session is over that the messages were of. */
  clear(): void {
    this.#held = [];
  }
}
