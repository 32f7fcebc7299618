// Futures under names that any client can ask for, and that outlive the client that gave them.

import { decode } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import { encodeFor, Future } from "./future.ts";
import { checkedNames } from "./option-checks.ts";
import type { Session } from "./session.ts";

export type PublishOptions = {
  /** Put it in the place of what has the name already. Default: false. */
  override?: boolean;
};

export async function publish(
  session: Session,
  name: string,
  shape: unknown,
  options: PublishOptions,
): Promise<void> {
  const { override = false } = checkedNames(options, ["override"], "publish");
  const checked = checkedName(name);
  if (typeof override !== "boolean") throw new TypeError("override must be true or false");
  const { payload: value, inputs } = encodeFor(session, shape, "value");
  await session.request("publish", {
    name: checked,
    value,
    ...(inputs.length > 0 && { inputs: [...inputs] }),
    ...(override && { override }),
  });
}

/** What is published under a name, in the shape it was given, with futures of this session in it. */
export async function published(session: Session, name: string): Promise<unknown> {
  return session.request(
    "published",
    { name: checkedName(name) },
    {
      read: ({ value, inputs = [], offer }) => {
        const futures = session.adopt(inputs, offer).map((state) => new Future(state));
        return decode(value, futures);
      },
    },
  );
}

export async function unpublish(session: Session, name: string): Promise<void> {
  await session.request("unpublish", { name: checkedName(name) });
}

function checkedName(name: unknown): string {
  if (typeof name !== "string") throw new TypeError(`a name is a string, not ${typeof name}`);
  if (name.length > 0 && name.length <= limits.nameLength) return name;
  throw new TypeError(`a name has 1 to ${limits.nameLength} characters, not ${name.length}`);
}
