// What a client tells its scheduler, as few messages as its order allows: what is said of one task
// joins the newest message of the same kind for as long as that has not left. So a loop of `submit`
// makes the same frames as one `map`, and a thousand collected handles make one `release`.

import { limits } from "../src/wire/limits.ts";
import type { Link } from "../src/link/link.ts";
import { payloadBytes, type Encoded } from "../src/payload/payload.ts";
import type { FromClient, ToClient } from "../src/wire/protocol.ts";

/** What a writer needs of a link. */
export type Outlet = Pick<Link<ToClient, FromClient>, "send" | "lastUnsent">;

type Message<Type extends FromClient["type"]> = Extract<FromClient, { type: Type }>;

/** A submit message is full at so many tasks, or so many bytes of arguments and inputs: frames stay small. */
const submitColumns = 1_000;
const submitBytes = 64 * 1024;
/** Of an input: about what its key has. */
const inputBytes = 16;

/** All of a `submit` message but its columns: tasks with the same head, as one object, share messages. */
export type SubmitHead = Readonly<Pick<Message<"submit">, "type" | "name" | "digest" | "options">>;

export class MessageWriter {
  readonly #outlet: Outlet;
  /** The head of the newest submit message, and the bytes of its arguments and inputs. */
  #head: SubmitHead | undefined;
  #bytes = 0;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  submit(head: SubmitHead, key: string, call: Encoded): void {
    const inputs = call.inputs as string[];
    const bytes = payloadBytes(call.payload) + inputBytes * inputs.length;
    const last = this.#outlet.lastUnsent;
    if (
      last?.type === "submit" &&
      this.#head === head &&
      last.keys.length < submitColumns &&
      this.#bytes + bytes <= submitBytes
    ) {
      if (inputs.length > 0) last.inputs ??= last.keys.map(() => []);
      last.keys.push(key);
      last.args.push(call.payload);
      last.inputs?.push(inputs);
      this.#bytes += bytes;
      return;
    }
    const message: Message<"submit"> = { ...head, keys: [key], args: [call.payload] };
    if (inputs.length > 0) message.inputs = [inputs];
    this.#head = head;
    this.#bytes = bytes;
    this.#outlet.send(message);
  }

  tell(type: "release" | "retry" | "detach" | "fetch", key: string): void {
    const last = this.#outlet.lastUnsent;
    if (last?.type === type && last.keys.length < limits.columnLength) last.keys.push(key);
    else this.#outlet.send({ type, keys: [key] });
  }

  cancel(key: string, reason: string | undefined, force: boolean): void {
    const last = this.#outlet.lastUnsent;
    if (
      last?.type === "cancel" &&
      last.reason === reason &&
      (last.force ?? false) === force &&
      last.keys.length < limits.columnLength
    ) {
      last.keys.push(key);
      return;
    }
    const message: Message<"cancel"> = { type: "cancel", keys: [key] };
    if (reason !== undefined) message.reason = reason;
    if (force) message.force = true;
    this.#outlet.send(message);
  }

  take(offer: number): void {
    this.#outlet.send({ type: "take", offer });
  }

  tellIds(type: "took" | "give-back", id: number): void {
    const last = this.#outlet.lastUnsent;
    if (last?.type === type && last.ids.length < limits.columnLength) last.ids.push(id);
    else this.#outlet.send({ type, ids: [id] });
  }

  /** What stands for itself: never joined with another message. */
  send(message: FromClient): void {
    this.#outlet.send(message);
  }
}
