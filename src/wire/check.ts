// The boundary: what a peer sent is checked here once, and trusted inside. One compiled check for
// each type of message, made from the unions of `protocol.ts`, so that none can be forgotten.

import { Type, type TObject, type TSchema } from "typebox";
import { Compile, type Validator } from "typebox/schema";
import { ProtocolError } from "../errors/errors.ts";
import { noParts, payloadOf } from "./frame.ts";
import { limits } from "./limits.ts";
import { JobStepSchema, type JobStep } from "./lifetimes.ts";
import { fieldsOf, fieldsOfFailure } from "./parts.ts";
import { AnswerSchema, requests, requestSchemas, type RequestName } from "./requests.ts";
import { holdsLineEnd, textsOf } from "./text-columns.ts";
import {
  FromClientSchema,
  FromWorkerSchema,
  HelloSchema,
  PROTOCOL_VERSION,
  ToClientSchema,
  ToWorkerSchema,
  WelcomeSchema,
  type FromClient,
  type FromWorker,
  type Hello,
  type ToClient,
  type ToWorker,
  type WelcomeOrRefused,
} from "./protocol.ts";

/**
 * Returns the message itself, with the payloads put back that referred to binary parts of its frame.
 *
 * @throws {ProtocolError} naming the type of the message and the place inside it
 */
export type Check<Message> = (value: unknown, parts?: readonly Uint8Array[]) => Message;

/** Properties that may hold payloads, in any message. */
const payloadProperties: ReadonlySet<string> = new Set([
  "args",
  "inputs",
  "values",
  "value",
  "items",
]);

/** Of those, the ones that may come as one text. */
const textColumns: ReadonlySet<string> = new Set(["args", "values"]);

/** Objects that the state keeps as they are: what else they hold would be kept with them. */
const keptProperties: Readonly<Record<string, (value: never) => unknown>> = {
  failure: fieldsOfFailure,
  job: (job: JobStep) => fieldsOf(JobStepSchema, job),
};

export const checkFromClient: Check<FromClient> = withFewInputs(
  checkOf([...FromClientSchema.anyOf, ...requestSchemas]),
);
export const checkToClient = withResults(
  checkOf<ToClient>([...ToClientSchema.anyOf, AnswerSchema]),
);
export const checkFromWorker = withInner<FromWorker>(
  checkOf(FromWorkerSchema.anyOf),
  checkFromClient,
);
export const checkToWorker = withInner<ToWorker>(checkOf(ToWorkerSchema.anyOf), checkToClient);
export const checkWelcome: Check<WelcomeOrRefused> = checkOf(WelcomeSchema.anyOf);

const checkHelloShape: Check<Hello> = checkOf(HelloSchema.anyOf, "role");

/** A hello of another version is refused as that, whatever else it holds. */
export const checkHello: Check<Hello> = (value) => {
  const version = (value as { protocol?: unknown } | null)?.protocol;
  if (Number.isInteger(version) && version !== PROTOCOL_VERSION) throw new VersionError(version);
  const hello = checkHelloShape(value);
  // A journal names the peer of each frame by it, in UTF-8.
  if ("id" in hello && !hello.id.isWellFormed()) {
    throw new ProtocolError("the id of a peer is text without half characters");
  }
  return hello;
};

export class VersionError extends ProtocolError {
  constructor(version: unknown) {
    super(
      `Install the same version of thence on both sides: the peer speaks version ${String(version)} ` +
        `of the protocol, this side version ${PROTOCOL_VERSION}`,
    );
  }
}

/** What one message type needs; compiled when the first such message arrives. */
type Rule = {
  schema: TSchema;
  validator: Validator | undefined;
  /** Properties that must be of one length. */
  columns: string[];
  payloads: string[];
  kept: string[];
};

function checkOf<Message>(schemas: readonly TObject[], tag = "type"): Check<Message> {
  const rules = new Map<unknown, Rule>();
  for (const schema of schemas) {
    rules.set((schema.properties[tag] as { const?: unknown } | undefined)?.const, ruleOf(schema));
  }
  return (value, parts = noParts) => {
    const message = value as Record<string, unknown> | null;
    if (typeof message !== "object" || message === null) throw new ProtocolError("not a message");
    const rule = rules.get(message[tag]);
    if (rule === undefined) {
      throw new ProtocolError(`${quoted(message[tag])} is not a ${tag} known here`);
    }
    apply(rule, message, quoted(message[tag]), parts);
    return message as Message;
  };
}

function ruleOf(schema: TSchema): Rule {
  const properties = Type.IsObject(schema) ? schema.properties : {};
  const names = Object.keys(properties);
  const isColumn = (name: string) =>
    textColumns.has(name) || (name !== "peers" && Type.IsArray(properties[name]));
  return {
    schema,
    validator: undefined,
    columns: names.includes("keys") ? names.filter(isColumn) : [],
    payloads: names.filter((name) => payloadProperties.has(name)),
    kept: names.filter((name) => Object.hasOwn(keptProperties, name)),
  };
}

/** @param what stands before the place and the reason in an error */
function apply(rule: Rule, value: unknown, what: string, parts: readonly Uint8Array[]): void {
  rule.validator ??= Compile(rule.schema);
  if (!isWellFormed(rule.validator, value, what)) throw shapeError(rule.validator, value, what);
  const message = value as Record<string, unknown>;
  for (const name of rule.kept) {
    if (message[name] !== undefined) message[name] = keptProperties[name]!(message[name] as never);
  }
  if (rule.payloads.length === 0 && rule.columns.length < 2) return;
  for (const name of rule.payloads) {
    const payload = message[name];
    if (typeof payload === "string" && textColumns.has(name)) {
      const texts = textsOf(payload, (message["keys"] as unknown[]).length);
      if (texts === undefined) throw new ProtocolError(`${what}: a long text among joined ${name}`);
      message[name] = texts;
    } else if (payload !== undefined) message[name] = restored(payload, parts, name !== "inputs");
  }
  if (rule.columns.length > 1) checkColumns(message, rule.columns);
}

/** Errors within errors may be nested deeper than the stack is high. */
function isWellFormed(validator: Validator, value: unknown, what: string): boolean {
  try {
    return validator.Check(value);
  } catch (error) {
    throw new ProtocolError(`${what}: nested too deeply`, { cause: error });
  }
}

function checkColumns(message: Record<string, unknown>, columns: string[]): void {
  const length = (message["keys"] as unknown[]).length;
  for (const name of columns) {
    const column = message[name] as unknown[] | undefined;
    if (column !== undefined && column.length !== length) {
      throw new ProtocolError(
        `${quoted(message["type"])}: ${length} keys but ${column.length} ${name}`,
      );
    }
  }
}

/** Its tasks have no more inputs together than one of them may have. */
function withFewInputs(check: Check<FromClient>): Check<FromClient> {
  return (value, parts) => {
    const message = check(value, parts);
    if (message.type !== "submit" || message.inputs === undefined) return message;
    let inputs = 0;
    for (const each of message.inputs) inputs += each.length;
    if (inputs > limits.inputs) {
      throw new ProtocolError(`"submit": more than ${limits.inputs} inputs in one message`);
    }
    return message;
  };
}

/** The result in an answer is checked as the request that it names says. */
function withResults(check: Check<ToClient>): Check<ToClient> {
  const rules = new Map<RequestName, Rule>();
  return (value, parts = noParts) => {
    const message = check(value, parts);
    if (message.type !== "answer" || "failure" in message) return message;
    const { to } = message as { to?: RequestName };
    if (to === undefined) throw new ProtocolError('"answer": neither a result nor a failure');
    let rule = rules.get(to);
    if (rule === undefined) rules.set(to, (rule = ruleOf(requests[to].result)));
    apply(rule, message.result, `"answer" to ${to}`, parts);
    return message;
  };
}

/** What is carried for the client inside a task is checked as from, or to, any client. */
function withInner<Message extends FromWorker | ToWorker>(
  check: Check<Message>,
  checkInner: Check<unknown>,
): Check<Message> {
  return (value, parts) => {
    const message = check(value, parts);
    if (message.type === "sub") checkInner(message.message, parts);
    return message;
  };
}

/** Also finds out references to parts that are not there, so it walks every payload. */
function restored(value: unknown, parts: readonly Uint8Array[], areLines: boolean): unknown {
  if (typeof value === "string") {
    // It would be two in the column of its next message. (What stands in `inputs` may be a key, which
    // may hold anything, or a payload that has been somebody's value before.)
    if (areLines && holdsLineEnd(value))
      throw new ProtocolError("the text of a payload holds a line end");
    return value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (!Array.isArray(value)) {
    // Not a payload, but what stands for one that is elsewhere.
    if (!("head" in value)) return value;
    return payloadOf(value as { head: string; first: number; count: number }, parts);
  }
  const items = value as unknown[];
  for (let index = 0; index < items.length; index += 1) {
    items[index] = restored(items[index], parts, areLines);
  }
  return items;
}

function shapeError(validator: Validator, value: unknown, what: string) {
  const [, [first]] = validator.Errors(value);
  const place = first?.instancePath.replaceAll("/", ".") ?? "";
  return new ProtocolError(`${what}${place}: ${first?.message ?? "malformed"}`);
}

function quoted(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(typeof value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
