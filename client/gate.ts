// Holds messages back until something else has arrived. A future of another client may be an argument
// before the scheduler has heard of its task, and the two clients' links are not ordered: so what uses
// it, and everything said after that, waits for the other client's link. What was said before does not:
// else two clients that use futures of each other would wait for each other for ever.

import type { FromClient } from "../src/wire/protocol.ts";
import type { Outlet } from "./message-writer.ts";

/** Messages that wait for the same arrival, and for all messages before them. */
type Section = { hasArrived: boolean; readonly messages: FromClient[] };

export class Gate implements Outlet {
  readonly #outlet: Outlet;
  #sections: Section[] = [];

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  get lastUnsent(): FromClient | undefined {
    const last = this.#sections.at(-1);
    return last === undefined ? this.#outlet.lastUnsent : last.messages.at(-1);
  }

  send(message: FromClient): void {
    const last = this.#sections.at(-1);
    if (last === undefined) this.#outlet.send(message);
    else last.messages.push(message);
  }

  /** Messages from now on leave when this has settled; those before it are not held. */
  holdUntil(arrival: Promise<void>): void {
    const section: Section = { hasArrived: false, messages: [] };
    this.#sections.push(section);
    const open = () => {
      section.hasArrived = true;
      while (this.#sections[0]?.hasArrived) this.#sendFirst();
    };
    arrival.then(open, open);
  }

  /** Sends what is held, in order. */
  flush(): void {
    while (this.#sections.length > 0) this.#sendFirst();
  }

  /** The session is over that the messages were of. */
  clear(): void {
    this.#sections = [];
  }

  #sendFirst(): void {
    for (const message of this.#sections.shift()!.messages) this.#outlet.send(message);
  }
}
