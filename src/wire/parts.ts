// Schemas of the parts that messages consist of: names and numbers within their limits, encoded user
// values, and failures.

import { Type, type Static, type TObject, type TSchema } from "typebox";
import { limits } from "./limits.ts";
import type { ErrorRecord } from "../errors/error-record.ts";
import type { Payload } from "../payload/payload.ts";

export const Key = Type.String({ minLength: 1, maxLength: limits.keyLength });
export const Name = Type.String({ minLength: 1, maxLength: limits.nameLength });
/** Of a function: of its own name and its text; see function-digest.ts. */
export const Digest = Type.String({ minLength: 1, maxLength: 64 });
export const Text = Type.String({ maxLength: limits.textLength });
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Attempt = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
export const Milliseconds = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** A limit of time: more than none. */
export const TimeLimit = Type.Number({ exclusiveMinimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const column = <Item extends TSchema>(item: Item) =>
  Type.Array(item, { minItems: 1, maxItems: limits.columnLength });

/** An encoded user value: text, or text with raw binary parts that travel beside it in the frame. */
export const PayloadSchema = Type.Unsafe<Payload>(
  Type.Union([
    Type.String(),
    Type.Object({ head: Type.String(), first: Count, count: Type.Integer({ minimum: 1 }) }),
  ]),
);

/** One payload for each task of a message; joined to one text when all are short (`text-columns.ts`). */
export const PayloadColumn = Type.Unsafe<Payload[]>(
  Type.Union([column(PayloadSchema), Type.String()]),
);

export const keysOf = <Type_ extends string>(type: Type_) =>
  Type.Object({ type: Type.Literal(type), keys: column(Key) });

export const attemptsOf = <Type_ extends string>(type: Type_) =>
  Type.Object({ type: Type.Literal(type), keys: column(Key), attempts: column(Attempt) });

const ErrorRecordFields = Type.Object({
  name: Type.String(),
  message: Type.String(),
  stack: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  cause: Type.Optional(Type.Ref("ErrorRecord")),
  errors: Type.Optional(Type.Array(Type.Ref("ErrorRecord"))),
  properties: Type.Optional(Type.String()),
  thrown: Type.Optional(Type.String()),
});
const ErrorRecordSchema = Type.Unsafe<ErrorRecord>(
  Type.Cyclic({ ErrorRecord: ErrorRecordFields }, "ErrorRecord"),
);

/** Why a task has no value: a code of `errors.ts`, a message for people, and the thrown error. */
export const FailureSchema = Type.Object({
  code: Type.String({ maxLength: 64 }),
  message: Text,
  /** The task that failed first; its dependents carry the same failure. */
  key: Type.Optional(Key),
  /** The registered name of the function that failed first. */
  task: Type.Optional(Name),
  error: Type.Optional(ErrorRecordSchema),
  /** The task threw a `NonRetriableError`. */
  retriable: Type.Optional(Type.Literal(false)),
});
export type Failure = Static<typeof FailureSchema>;

/** Of an object from the wire what its schema names: whoever keeps it counts no more than that. */
export function fieldsOf<Value extends object>(schema: TObject, value: Value): Value {
  const entries = Object.keys(schema.properties).map((name) => [name, value[name as keyof Value]]);
  return Object.fromEntries(entries.filter(([, field]) => field !== undefined)) as Value;
}

export function fieldsOfFailure(failure: Failure): Failure {
  const fields = fieldsOf(FailureSchema, failure);
  if (fields.error) fields.error = fieldsOfRecord(fields.error);
  return fields;
}

function fieldsOfRecord(record: ErrorRecord): ErrorRecord {
  const fields = fieldsOf(ErrorRecordFields, record);
  if (fields.cause) fields.cause = fieldsOfRecord(fields.cause);
  if (fields.errors) fields.errors = fields.errors.map(fieldsOfRecord);
  return fields;
}
