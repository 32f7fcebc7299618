// Futures under names that any client can ask for, and that outlive the client that gave them.

import { decode } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import type { SchedulerInfo } from "../src/facts.ts";
import { Administration } from "./administration.ts";
import { encodeFor, Future } from "./future.ts";
import type { Session } from "./session.ts";
import type { UntypedTasks } from "./types.ts";

export type PublishOptions = {
  /** Put it in the place of what has the name already. Default: false. */
  override?: boolean;
};

export class Publishing<Tasks = UntypedTasks> extends Administration<Tasks> {
  readonly #session: Session;

  /** @internal */
  constructor(session: Session) {
    super(session);
    this.#session = session;
  }

  /**
   * Keeps futures under a name, for every client of this scheduler, until it is unpublished. Their
   * tasks run and their results stay, even when this client has released them or is gone.
   *
   * @param name 1 to 256 characters
   * @param shape anything holding futures, anywhere in arrays, plain objects, Maps and Sets; values
   *   beside them are published with them
   * @throws {KeyConflictError} when the name is in use, unless `override`: the earlier one is let go
   * @throws {LostDataError} when the scheduler does not know one of the futures (any more)
   * @throws {SerializationError} when something in it cannot be sent, naming the path
   * @throws {TypeError} when the name is not one, or a future in it was released
   * @example
   * await client.publish("model", { weights: client.submit("train", data), version: 3 });
   */
  async publish(name: string, shape: unknown, options: PublishOptions = {}): Promise<void> {
    const checked = checkedName(name);
    const { override = false } = options;
    if (typeof override !== "boolean") throw new TypeError("override must be true or false");
    const { payload: value, inputs } = encodeFor(this.#session, shape, "value");
    await this.#session.request(
      (id) => ({
        type: "publish",
        id,
        name: checked,
        value,
        ...(inputs.length > 0 && { inputs: [...inputs] }),
        ...(override && { override }),
      }),
      () => undefined,
    );
  }

  /**
   * What is published under a name, in the shape it was given, with futures of this client in it.
   *
   * @typeParam Shape what it is; nothing checks that
   * @throws {LostDataError} when nothing is published under the name, with the nearest there are
   * @example
   * const { weights } = await client.published<{ weights: Future<Float64Array> }>("model");
   * await weights.result();
   */
  published<Shape = unknown>(name: string): Promise<Shape> {
    const session = this.#session;
    return session.request(
      (id) => ({ type: "published", id, name: checkedName(name) }),
      ({ value = "null", inputs = [], offer }) => {
        const futures = session.adopt(inputs, offer).map((state) => new Future(state));
        return decode(value, futures) as Shape;
      },
    );
  }

  /**
   * Ends a publication: what nobody else holds or needs is freed. Futures that clients got by
   * `published` stay theirs.
   *
   * @throws {LostDataError} when nothing is published under the name
   */
  async unpublish(name: string): Promise<void> {
    const checked = checkedName(name);
    await this.#session.request(
      (id) => ({ type: "unpublish", id, name: checked }),
      () => undefined,
    );
  }

  /** The names under which something is published now, sorted. */
  async listPublished(): Promise<string[]> {
    return ((await this.#session.ask("info")) as SchedulerInfo).published;
  }
}

function checkedName(name: unknown): string {
  if (typeof name !== "string") throw new TypeError(`a name is a string, not ${typeof name}`);
  if (name.length > 0 && name.length <= limits.nameLength) return name;
  throw new TypeError(`a name has 1 to ${limits.nameLength} characters, not ${name.length}`);
}
