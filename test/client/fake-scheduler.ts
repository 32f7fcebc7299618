// The scheduler's end of a client's session, for tests: it hears the messages of each turn as the
// client queued them, and says what a test has it say.

import { Client } from "../../client/client.ts";
import type { Connection } from "../../client/connection.ts";
import { Session } from "../../client/session.ts";
import type { UntypedTasks } from "../../client/types.ts";
import type { Failure, FromClient, ToClient } from "../../src/wire/protocol.ts";
import { decode, encode } from "../../src/payload/payload.ts";

export type Heard<Type extends FromClient["type"]> = Extract<FromClient, { type: Type }>;

export class FakeScheduler {
  readonly session: Session;
  /** Messages that have left the client, oldest first. */
  readonly heard: FromClient[] = [];
  readonly connection: Connection;
  closed = false;
  #unsent: FromClient[] = [];

  constructor(id = "scheduler-1", options: { patienceMs?: number } = {}) {
    this.session = new Session(options);
    this.connection = this.#connect(id);
    this.session.attach(this.connection);
  }

  #connect(scheduler: string): Connection {
    const newest = () => this.#unsent.at(-1);
    return {
      welcome: { scheduler },
      send: (message) => void this.#unsent.push(message),
      get lastUnsent() {
        return newest();
      },
      close: async () => {
        this.flush();
        this.closed = true;
        await Promise.resolve();
      },
    };
  }

  client<Tasks = UntypedTasks>(onClose?: () => Promise<void>): Client<Tasks> {
    return new Client<Tasks>(this.session, onClose);
  }

  /** The turn of the event loop ends: what is queued leaves. Returns it. */
  flush(): FromClient[] {
    const left = this.#unsent;
    this.#unsent = [];
    this.heard.push(...left);
    return left;
  }

  /** All messages of one type that have left, after a flush. */
  all<Type extends FromClient["type"]>(type: Type): Heard<Type>[] {
    this.flush();
    return this.heard.filter((message): message is Heard<Type> => message.type === type);
  }

  keysOf(type: "release" | "retry" | "detach" | "fetch" | "cancel" | "submit"): string[] {
    return this.all(type).flatMap((message) => message.keys);
  }

  /** The arguments of each submitted task, futures as `{ future: key }`. */
  submitted(): { key: string; name: string; args: unknown }[] {
    return this.all("submit").flatMap(({ name, keys, args, inputs }) =>
      keys.map((key, index) => ({
        key,
        name,
        args: decode(args[index]!, inputs?.[index]?.map((input) => ({ future: input })) ?? []),
      })),
    );
  }

  say(...messages: ToClient[]): void {
    this.session.events.messages(messages);
  }

  finish(key: string, value: unknown): void {
    this.say({ type: "finished", keys: [key], values: [encode(value).payload] });
  }

  fail(keys: string | string[], failure: Partial<Failure> = {}): void {
    const words = { code: "task-failed", message: "it threw Error: no luck", ...failure };
    this.say({ type: "failed", keys: [keys].flat(), failure: words });
  }

  /** Answers a request, with as much of a result as the test needs. */
  answer({ type, id }: { type: string; id?: number }, result: unknown): void {
    this.say({ type: "answer", id, to: type, result } as ToClient);
  }
}
