// The parameters of a request are checked as its schema says before it is sent: what the scheduler would
// refuse as a violation of the protocol, and end the session for, is an error of the call.

import { Compile, type Validator } from "typebox/schema";
import type { TSchema } from "typebox";
import { requests, type ParametersOf, type RequestName } from "../src/wire/requests.ts";
import { plain, wrongType, type PlainSchema } from "./option-checks.ts";

/** Payloads and the keys in them are made here, and not given. */
const made: ReadonlySet<string> = new Set(["value", "args", "inputs"]);
const plainTypes: ReadonlySet<unknown> = new Set(["string", "number", "integer", "boolean"]);
const validators = new Map<TSchema, Validator>();

/** @throws {TypeError | RangeError} naming the parameter, and what is allowed */
export function checkParameters<Name extends RequestName>(
  name: Name,
  parameters: ParametersOf<Name>,
): void {
  const schemas: Readonly<Record<string, TSchema>> = requests[name].parameters;
  const given = parameters as Readonly<Record<string, unknown>>;
  for (const parameter in schemas) {
    const schema = schemas[parameter]!;
    const value = given[parameter];
    if (made.has(parameter) || (value === undefined && !(parameter in given))) continue;
    if (isPlain(schema)) plain(value, parameter, schema);
    else if (!validatorOf(schema).Check(value)) {
      throw wrongType(parameter, `what "${name}" takes`, value);
    }
  }
}

function isPlain(
  schema: TSchema & { type?: unknown; items?: { type?: unknown } },
): schema is PlainSchema & TSchema {
  return (
    plainTypes.has(schema.type) || (schema.type === "array" && schema.items?.type === "string")
  );
}

function validatorOf(schema: TSchema): Validator {
  let found = validators.get(schema);
  if (found === undefined) validators.set(schema, (found = Compile(schema)));
  return found;
}
