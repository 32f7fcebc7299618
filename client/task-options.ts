// The options of a call as users write them, checked and turned into what the wire carries. Plain options
// are checked as their schemas say; an option that is written otherwise than the wire carries it, or that
// is not plain, has a conversion here.

import { Type, type Static, type TObject } from "typebox";
import { limits } from "../src/wire/limits.ts";
import { Key, Milliseconds, Name } from "../src/wire/parts.ts";
import {
  isResourceName,
  RateLimitSchema,
  RetriesSchema,
  RunOptionsSchema,
  TaskOptionsSchema,
  type RateLimit,
  type Resources,
  type Retries,
  type RunOptions,
  type TaskOptions,
} from "../src/wire/task-options.ts";
import type { FunctionReference } from "./function-reference.ts";
import type { SubmitHead } from "./message-writer.ts";
import type { OutputListener } from "./outputs.ts";
import {
  checkedNames,
  number,
  plain,
  record,
  text,
  wrongType,
  type PlainSchema,
} from "./option-checks.ts";

/** How a task that throws is tried again. */
export type RetryOptions = Retries;

/** Options that the client acts on: they name the task. */
const NamingSchema = Type.Object({
  /**
   * Names the task instead of a key of its own. The same call under the same key is the same task;
   * another call under it fails with `KeyConflictError`. `map` names its tasks `key-0`, `key-1`, ….
   */
  key: Type.Optional(Key),
  /**
   * The call gives the same for the same arguments: it is named by its function and arguments, so that
   * the same call by any client is one task, computed once while someone holds it. Arguments are the
   * same when they are encoded the same: `{ a, b }` is not `{ b, a }`. The options of whoever came
   * first hold. Default: false.
   */
  pure: Type.Optional(Type.Boolean()),
});
type Naming = Static<typeof NamingSchema>;

/** Options that the scheduler acts on. */
type Scheduling = Omit<TaskOptions, "run">;

/** What users may write in place of what the wire carries. */
type Written = {
  retries?: number | RetryOptions;
  startAt?: Date | number;
  resources?: Readonly<Record<string, number>>;
  output?: OutputListener;
};

/** What `client.with` takes. */
export type CallOptions = Replaced<Naming & Scheduling & RunOptions, Written>;

/** `Options` with some types widened, and lists that need not be writable; descriptions stay. */
type Replaced<Options, By> = {
  [Name in keyof Options]: Name extends keyof By ? By[Name] : ReadonlyList<Options[Name]>;
};
type ReadonlyList<Value> = Value extends readonly (infer Item)[] ? readonly Item[] : Value;

/**
 * The options of some calls, checked.
 *
 * @throws {TypeError} when an option is unknown, of the wrong type, or contradicts another
 * @throws {RangeError} when a number is out of range
 */
export class CallSettings {
  readonly key: string | undefined;
  readonly pure: boolean;
  readonly output: OutputListener | undefined;
  readonly #options: TaskOptions | undefined;
  /** The newest: the calls of one function in a row share it, and so their messages. */
  #head: SubmitHead | undefined;

  constructor(options: CallOptions) {
    const given = Object.entries(checkedNames(options, Object.keys(schemas), "a call")).filter(
      ([, value]) => value !== undefined,
    );
    const checked = <Options>(group: TObject): Options => {
      const own = given.filter(([name]) => Object.hasOwn(group.properties, name));
      return Object.fromEntries(own.map(([name, value]) => [name, check(value, name)])) as Options;
    };
    const { key, pure = false } = checked<Naming>(NamingSchema);
    const task = checked<TaskOptions>(TaskOptionsSchema);
    const run = checked<RunOptions>(RunOptionsSchema);
    if (Object.keys(run).length > 0) task.run = run;
    if (task.delayMs !== undefined && task.startAt !== undefined) {
      throw new TypeError("give delayMs or startAt, not both");
    }
    if (pure && key !== undefined) {
      throw new TypeError("give key or pure, not both: a pure call is named by its arguments");
    }
    if (task.allowOtherWorkers && task.workers === undefined) {
      throw new TypeError("allowOtherWorkers needs workers: it says that they are only a wish");
    }
    if (task.retryIf && task.retries === undefined) {
      throw new TypeError("retryIf needs retries: it says after which errors they apply");
    }
    if (task.atMostOnce && (task.retries?.max ?? 0) > 0) {
      throw new TypeError("give atMostOnce or retries, not both: a retry is another start");
    }
    if (task.atMostOnce && task.maxWorkerLosses !== undefined) {
      throw new TypeError(
        "give atMostOnce or maxWorkerLosses, not both: it fails with the first loss",
      );
    }
    if (
      task.limitName !== undefined &&
      task.maxRunning === undefined &&
      task.rateLimit === undefined
    ) {
      throw new TypeError("limitName needs maxRunning or rateLimit: it names what they count");
    }
    this.key = key;
    this.pure = pure;
    this.output = options.output;
    this.#options = Object.keys(task).length > 0 ? task : undefined;
  }

  headFor({ name, digest }: FunctionReference): SubmitHead {
    if (this.#head?.name === name && this.#head.digest === digest) return this.#head;
    const options = this.#options;
    return (this.#head = {
      type: "submit",
      name,
      ...(digest !== undefined && { digest }),
      ...(options && { options }),
    });
  }
}

const { run: _run, ...scheduling } = TaskOptionsSchema.properties;
const schemas = { ...NamingSchema.properties, ...scheduling, ...RunOptionsSchema.properties };
type Schemas = typeof schemas;

/** Options that are not plain, or that users may write in another way. */
type ConvertedName = {
  [Name in keyof Schemas]: Name extends keyof Written
    ? Name
    : Schemas[Name] extends PlainSchema
      ? never
      : Name;
}[keyof Schemas];

/** Checks an option as users write it, and returns what the wire carries. */
type Conversion<Carried> = (value: unknown, name: string) => Carried;

const conversions: {
  readonly [Name in ConvertedName]: Conversion<
    NonNullable<(Naming & Scheduling & RunOptions)[Name]>
  >;
} = {
  retries: checkedRetries,
  startAt: (value, name) =>
    number(value instanceof Date ? value.getTime() : value, name, Milliseconds),
  resources: checkedResources,
  rateLimit: checkedRateLimit,
  output: (value, name) => {
    if (typeof value !== "function") throw wrongType(name, "a function", value);
    return true;
  },
};

function check(value: unknown, name: string): unknown {
  return Object.hasOwn(conversions, name)
    ? conversions[name as ConvertedName](value, name)
    : plain(value, name, schemas[name as Exclude<keyof Schemas, ConvertedName>]);
}

function checkedRetries(value: unknown, name: string): Retries {
  const { properties } = RetriesSchema;
  if (typeof value === "number") return { max: number(value, name, properties.max) };
  const written = record(value, name, "a number of further attempts, or { max, delayMs, … }");
  const given = checkedNames(written, Object.keys(properties), name);
  const parts = Object.entries(properties).filter(
    ([part, schema]) => given[part] !== undefined || !Type.IsOptional(schema),
  );
  return Object.fromEntries(
    parts.map(([part, schema]) => [part, plain(given[part], `${name}.${part}`, schema)]),
  ) as Retries;
}

function checkedRateLimit(value: unknown, name: string): RateLimit {
  const written = record(value, name, "an object such as { count: 10, perMs: 1_000 }");
  const { count, perMs } = RateLimitSchema.properties;
  const given = checkedNames(written, ["count", "perMs"], name);
  return {
    count: number(given.count, `${name}.count`, count),
    perMs: number(given.perMs, `${name}.perMs`, perMs),
  };
}

function checkedResources(value: unknown, name: string): Resources {
  const given = record(value, name, "an object such as { gpu: 1 }");
  const count = Object.keys(given).length;
  if (count > limits.resources) {
    throw new RangeError(`${name} must have at most ${limits.resources} resources, not ${count}`);
  }
  return Object.fromEntries(
    Object.entries(given).map(([resource, amount]) => {
      text(resource, `a name in ${name}`, Name);
      if (!isResourceName(resource)) {
        throw new RangeError(
          `choose another name than ${JSON.stringify(resource)} in ${name}: one without quotes, backslashes and control characters`,
        );
      }
      return [resource, number(amount, `${name}.${resource}`, { minimum: 0 })];
    }),
  );
}
