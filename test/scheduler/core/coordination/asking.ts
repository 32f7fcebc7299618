// Words for stories about coordination: what a client asks, by name, and what it is answered.

import type { FromClient, ToClient } from "../../../../src/wire/protocol.ts";
import type { ResultOf } from "../../../../src/wire/requests.ts";
import type { Done, Story } from "../story.ts";

export type Coordinate = Extract<FromClient, { type: "coordinate" }>;
type Answer = Extract<ToClient, { type: "answer" }>;

/** A client that counts its requests from 1. */
export class Asker {
  readonly #story: Story;
  readonly id: string;
  #asked = 0;

  constructor(story: Story, id: string) {
    this.#story = story;
    this.id = id;
    story.handle({ type: "client-joins", id, name: id });
  }

  acquire(name: string, more: Partial<Coordinate> = {}): Done {
    return this.ask({ kind: "lock", name, op: "acquire", ...more });
  }

  lease(name: string, limit: number, count = 1, more: Partial<Coordinate> = {}): Done {
    return this.ask({ kind: "semaphore", name, op: "acquire", limit, count, ...more });
  }

  put(name: string, value: string, more: Partial<Coordinate> = {}): Done {
    return this.ask({ kind: "queue", name, op: "put", value, ...more });
  }

  get(name: string, more: Partial<Coordinate> = {}): Done {
    return this.ask({ kind: "queue", name, op: "get", ...more });
  }

  look(kind: Coordinate["kind"], name: string, more: Partial<Coordinate> = {}): number | undefined {
    const done = this.ask({ kind, name, op: "look", ...more });
    const answer = done[this.id]!.at(-1) as Answer;
    return "result" in answer ? (answer.result as ResultOf<"coordinate">).number : undefined;
  }

  ask(request: Omit<Coordinate, "type" | "id"> & { id?: number }): Done {
    return this.say({ type: "coordinate", id: ++this.#asked, ...request });
  }

  took(...ids: number[]): Done {
    return this.say({ type: "took", ids });
  }

  giveBack(...ids: number[]): Done {
    return this.say({ type: "give-back", ids });
  }

  say(message: FromClient): Done {
    return this.#story.handle({ type: "client-messages", from: this.id, messages: [message] });
  }

  leave(): Done {
    return this.#story.handle({ type: "client-leaves", id: this.id });
  }

  away(): Done {
    return this.#story.handle({ type: "client-away", id: this.id });
  }

  back(): Done {
    return this.#story.handle({ type: "client-back", id: this.id });
  }
}

/** Done, or granted; with items, those. */
export function granted(id: number, ...items: string[]): ToClient {
  return coordinated(id, { ...(items.length > 0 && { items }) });
}

export function withdrawn(id: number): ToClient {
  return coordinated(id, { withdrawn: true });
}

export function coordinated(id: number, result: ResultOf<"coordinate">): ToClient {
  return { type: "answer", id, to: "coordinate", result };
}

/** How a request was refused, as [code, message]. */
export function refusal(done: Done, by: string): [string, string] | undefined {
  const answer = done[by]!.at(-1) as Answer;
  return "failure" in answer ? [answer.failure.code, answer.failure.message] : undefined;
}
