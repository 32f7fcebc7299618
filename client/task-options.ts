// The options of a call as users write them, checked and turned into what the wire carries.

import { limits } from "../src/wire/limits.ts";
import type { Retries, RunOptions, TaskOptions } from "../src/wire/task-options.ts";
import type { FunctionReference } from "./function-reference.ts";
import type { SubmitHead } from "./message-writer.ts";
import type { OutputListener } from "./outputs.ts";
import {
  boolean,
  checkedNames,
  integer,
  number,
  positive,
  record,
  text,
  wrongType,
} from "./option-checks.ts";

/** How a task that throws is tried again. */
export type RetryOptions = Retries;

/** Options that the client acts on: they name the task. */
type Naming = {
  /**
   * Names the task instead of a key of its own. The same call under the same key is the same task;
   * another call under it fails with `KeyConflictError`. `map` names its tasks `key-0`, `key-1`, ….
   */
  key?: string;
  /**
   * The call gives the same for the same arguments: it is named by its function and arguments, so that
   * the same call by any client is one task, computed once while someone holds it. Arguments are the
   * same when they are encoded the same: `{ a, b }` is not `{ b, a }`. The options of whoever came
   * first hold. Default: false.
   */
  pure?: boolean;
};
/** Options that the scheduler acts on. */
type Scheduling = Omit<TaskOptions, "run">;

/** What users may write in place of what the wire carries. */
type Written = {
  retries?: number | RetryOptions;
  startAt?: Date | number;
  retryIf?: readonly string[];
  workers?: readonly string[];
  resources?: Readonly<Record<string, number>>;
  output?: OutputListener;
};

/** What `client.with` takes. */
export type CallOptions = Naming & Replaced<Scheduling & RunOptions, Written>;

/** `Options` with some types widened; descriptions stay. */
type Replaced<Options, By> = {
  [Name in keyof Options]: Name extends keyof By ? By[Name] : Options[Name];
};

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
    const given = Object.entries(checkedNames(options, Object.keys(checks), "a call")).filter(
      ([, value]) => value !== undefined,
    );
    const checked = <Options>(group: Checks<Options>): Options => {
      const own = given.filter(([name]) => Object.hasOwn(group, name));
      return Object.fromEntries(
        own.map(([name, value]) => [name, group[name as keyof Options](value, name)]),
      ) as Options;
    };
    const { key, pure = false } = checked<Naming>(namingChecks);
    const task: TaskOptions = checked<Scheduling>(schedulingChecks);
    const run = checked<RunOptions>(runChecks);
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

type Check<Checked> = (value: unknown, name: string) => Checked;
/** A check for each option of a schema, which gives what the wire carries: none can be forgotten. */
type Checks<Options> = { readonly [Name in keyof Options]-?: Check<NonNullable<Options[Name]>> };

const namingChecks: Checks<Naming> = {
  key: (value, name) => text(value, name, limits.keyLength),
  pure: boolean,
};

const schedulingChecks: Checks<Scheduling> = {
  priority: (value, name) =>
    integer(value, name, -limits.priorityMagnitude, limits.priorityMagnitude),
  retries: checkedRetries,
  retryIf: (value, name) => checkedTexts(value, name, "error"),
  delayMs: (value, name) => number(value, name, 0),
  startAt: (value, name) => number(value instanceof Date ? value.getTime() : value, name, 0),
  expiresMs: positive,
  workers: (value, name) => checkedTexts(value, name, "worker"),
  allowOtherWorkers: boolean,
  resources: checkedResources,
  unschedulableTimeoutMs: positive,
  maxWorkerLosses: (value, name) => integer(value, name, 0),
};

const runChecks: Checks<RunOptions> = {
  timeoutMs: positive,
  graceMs: (value, name) => number(value, name, 0),
  output: (value, name) => {
    if (typeof value !== "function") throw wrongType(name, "a function", value);
    return true;
  },
};

const checks: Record<keyof CallOptions, Check<unknown>> = {
  ...namingChecks,
  ...schedulingChecks,
  ...runChecks,
};

function checkedRetries(value: unknown, name: string): Retries {
  if (typeof value === "number") return { max: retryChecks.max(value, name) };
  const given = record(value, name, "a number of further attempts, or { max, delayMs, … }");
  const retries: Retries = { max: retryChecks.max(given["max"], `${name}.max`) };
  for (const [part, partValue] of Object.entries(
    checkedNames(given, Object.keys(retryChecks), name),
  )) {
    if (partValue === undefined) continue;
    const checked = retryChecks[part as keyof RetryOptions](partValue, `${name}.${part}`);
    Object.assign(retries, { [part]: checked });
  }
  return retries;
}

const retryChecks: Checks<RetryOptions> = {
  max: (value, name) => integer(value, name, 0),
  delayMs: (value, name) => number(value, name, 0),
  factor: (value, name) => number(value, name, 1, 1_000),
  maxDelayMs: (value, name) => number(value, name, 0),
  jitter: (value, name) => number(value, name, 0, 1),
};

function checkedTexts(value: unknown, name: string, what: string): string[] {
  if (!Array.isArray(value)) throw wrongType(name, `an array of ${what} names`, value);
  if (value.length === 0) throw new RangeError(`${name} must name at least one ${what}`);
  return value.map((each, index) => text(each, `${name}[${index}]`, limits.nameLength));
}

function checkedResources(value: unknown, name: string): Record<string, number> {
  const given = record(value, name, "an object such as { gpu: 1 }");
  // On an object it would set the prototype.
  if (Object.hasOwn(given, "__proto__")) {
    throw new RangeError(`choose another name than "__proto__" in ${name}`);
  }
  return Object.fromEntries(
    Object.entries(given).map(([resource, amount]) => [
      text(resource, `a name in ${name}`, limits.nameLength),
      number(amount, `${name}.${resource}`, 0),
    ]),
  );
}
