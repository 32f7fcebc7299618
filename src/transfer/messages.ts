// The messages with which results are fetched and sent, on sockets of their own. The dialling side asks, the
// other side answers. The bytes of a value travel as binary messages: each is a chunk of the value that the
// newest `chunk` message names. The reader gives credit for bytes, so a value of gigabytes needs the memory
// of a few chunks.

import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/schema";
import { ProtocolError } from "../errors/errors.ts";
import { transferPath } from "../link/purpose.ts";
import { limits } from "../wire/limits.ts";

/** The address of that path at a scheduler with this address. */
export function transferAddress(url: string): string {
  const [place, pin] = url.split("#", 2) as [string, string?];
  const address = `${place.replace(/\/$/, "")}${transferPath}`;
  return pin === undefined ? address : `${address}#${pin}`;
}

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Text = Type.String({ maxLength: limits.textLength });

/** The identity of a result: see `Reference` in `wire/results.ts`. */
const want = {
  key: Type.String({ minLength: 1, maxLength: limits.keyLength }),
  order: Count,
  attempt: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
};
export type Want = { readonly key: string; readonly order: number; readonly attempt: number };

/** A value: a short text itself, or the number of bytes to follow, of its text and of each part. */
const ShapeSchema = Type.Union([
  Type.Object({ text: Type.String({ maxLength: 1024 * 1024 }) }),
  Type.Object({ head: Count, parts: Type.Array(Count, { maxItems: 1_000_000 }) }),
]);
export type Shape =
  { readonly text: string } | { readonly head: number; readonly parts: readonly number[] };

/** From either side: the binary messages that follow belong to this value. */
const Chunk = Type.Object({ type: Type.Literal("chunk"), id: Id });
/** From either side: this many more bytes of the value may be sent. */
const Credit = Type.Object({ type: Type.Literal("credit"), id: Id, bytes: Count });
/** From the asking side: fetch a value; answered by `value`, `missing` or `failed`. */
const Get = Type.Object({ type: Type.Literal("get"), id: Id, ...want });
/** From the asking side: the value is not wanted any more. */
const Stop = Type.Object({ type: Type.Literal("stop"), id: Id });
/** From the asking side: hold this value; answered by `stored` or `failed`. */
const Put = Type.Object({
  type: Type.Literal("put"),
  id: Id,
  ...want,
  shape: ShapeSchema,
  /** The address of the worker that is to hold the value, when the scheduler passes it on. */
  to: Type.Optional(Type.String({ maxLength: limits.addressLength })),
});

const AskedSchema = Type.Union([Chunk, Credit, Get, Stop, Put]);
export type Asked = Static<typeof AskedSchema>;

/** In answer to `get`: the value; its bytes follow. */
const Value = Type.Object({ type: Type.Literal("value"), id: Id, shape: ShapeSchema });
/** In answer to `get`: the value is not here. */
const Missing = Type.Object({ type: Type.Literal("missing"), id: Id });
/** In answer to `get` or `put`: an error, before the value or in the middle of it. */
const Failed = Type.Object({ type: Type.Literal("failed"), id: Id, message: Text });
/** In answer to `put`: the value is held now. */
const Stored = Type.Object({ type: Type.Literal("stored"), id: Id });

const AnsweredSchema = Type.Union([Chunk, Credit, Value, Missing, Failed, Stored]);
export type Answered = Static<typeof AnsweredSchema>;

export const readAsked = readerOf<Asked>(AskedSchema);
export const readAnswered = readerOf<Answered>(AnsweredSchema);

/** @throws {ProtocolError} when the text is no such message */
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
