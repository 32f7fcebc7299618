// The words in which results are fetched and sent between those that hold and those that want them,
// on sockets of their own. Whoever dials asks; the other side answers. The bytes of a value travel as
// binary messages between these, each a chunk of what the newest `chunk` names, and only as many as
// the reader has given credit for: so a value of gigabytes needs no more room than a few chunks.

import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { ProtocolError } from "../errors/errors.ts";
import { limits } from "../wire/limits.ts";

/** The path at which workers and the scheduler serve values. */
export const transferPath = "/data";

/** The address of that path at a scheduler with this address. */
export function transferAddress(url: string): string {
  return `${url.replace(/\/$/, "")}${transferPath}`;
}

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Text = Type.String({ maxLength: limits.textLength });

/** Which result is meant: see `Reference` in `wire/protocol.ts`. */
const want = {
  key: Type.String({ minLength: 1, maxLength: limits.keyLength }),
  order: Count,
  attempt: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
};
export type Want = { readonly key: string; readonly order: number; readonly attempt: number };

/** A value: short text itself, or how many bytes are to follow, of its text and of each part. */
const ShapeSchema = Type.Union([
  Type.Object({ text: Type.String({ maxLength: 1024 * 1024 }) }),
  Type.Object({ head: Count, parts: Type.Array(Count, { maxItems: 1_000_000 }) }),
]);
export type Shape =
  { readonly text: string } | { readonly head: number; readonly parts: readonly number[] };

/** Either way: the binary messages that follow belong to this. */
const Chunk = Type.Object({ type: Type.Literal("chunk"), id: Id });
/** Either way: so many more bytes of this may be sent. */
const Credit = Type.Object({ type: Type.Literal("credit"), id: Id, bytes: Count });
/** From who asks: a value is wanted; answered by `value`, `missing` or `failed`. */
const Get = Type.Object({ type: Type.Literal("get"), id: Id, ...want });
/** From who asks: it is not wanted any more. */
const Stop = Type.Object({ type: Type.Literal("stop"), id: Id });
/** From who asks: a value to hold; answered by `stored` or `failed`. */
const Put = Type.Object({
  type: Type.Literal("put"),
  id: Id,
  ...want,
  shape: ShapeSchema,
  /** To be passed on to the holder at this address. */
  to: Type.Optional(Type.String({ maxLength: limits.addressLength })),
});

const AskedSchema = Type.Union([Chunk, Credit, Get, Stop, Put]);
export type Asked = Static<typeof AskedSchema>;

/** In answer to `get`: here it comes. */
const Value = Type.Object({ type: Type.Literal("value"), id: Id, shape: ShapeSchema });
/** In answer to `get`: it is not here. */
const Missing = Type.Object({ type: Type.Literal("missing"), id: Id });
/** In answer to `get` or `put`: it cannot be done, or not to its end. */
const Failed = Type.Object({ type: Type.Literal("failed"), id: Id, message: Text });
/** In answer to `put`: it is held now. */
const Stored = Type.Object({ type: Type.Literal("stored"), id: Id });

const AnsweredSchema = Type.Union([Chunk, Credit, Value, Missing, Failed, Stored]);
export type Answered = Static<typeof AnsweredSchema>;

export const readAsked = readerOf<Asked>(AskedSchema);
export const readAnswered = readerOf<Answered>(AnsweredSchema);

/** @throws {ProtocolError} for whatever is no such message */
function readerOf<Message>(schema: TSchema): (text: string) => Message {
  const compiled = Compile(schema);
  return (text) => {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch (error) {
      throw new ProtocolError("a message about results is not JSON", { cause: error });
    }
    if (compiled.Check(message)) return message as Message;
    throw new ProtocolError("a message about results is malformed");
  };
}
