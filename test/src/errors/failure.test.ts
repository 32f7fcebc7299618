// Errors on the wire: anything that is thrown arrives, bounded and with its causes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  LostDataError,
  NonRetriableError,
  TaskCancelledError,
  TaskError,
  ThenceError,
  UnknownTaskError,
} from "../../../src/errors/errors.ts";
import {
  errorOf,
  failureOf,
  fromErrorRecord,
  taskFailure,
  thrownOf,
  toErrorRecord,
} from "../../../src/errors/failure.ts";
import { limits } from "../../../src/wire/limits.ts";
import type { ErrorRecord } from "../../../src/errors/error-record.ts";
import { futureKey } from "../../../src/payload/future-key.ts";

/** The failure as a peer receives it. */
const overTheWire = (record: ErrorRecord) => JSON.parse(JSON.stringify(record)) as ErrorRecord;
const rebuilt = (error: unknown) => fromErrorRecord(overTheWire(toErrorRecord(error)));

test("an error called NonRetriableError, or of a class of it, says that a retry is of no use", () => {
  class NoSuchCard extends NonRetriableError {
    override name = "NoSuchCard";
  }
  const foreign = Object.assign(new Error("no"), { name: "NonRetriableError" });
  for (const thrown of [new NonRetriableError("no"), new NoSuchCard("no"), foreign]) {
    const failure = taskFailure(thrown);
    expect(failure.retriable).toBe(false);
    expect(errorOf(failure).retriable).toBe(false);
  }
  expect(errorOf(taskFailure(new NonRetriableError("no"))).cause).toBeInstanceOf(NonRetriableError);
  expect(errorOf(taskFailure(new Error("no"))).retriable).toBe(true);
  expect(taskFailure({ name: "NonRetriableError" }).retriable).toBeUndefined();
});

describe("an error that crosses the wire", () => {
  test("keeps its name, message, stack, causes and extra properties", () => {
    class DiskError extends Error {
      override name = "DiskError";
      code = "ENOSPC";
      at = new Date(0);
    }
    const root = new RangeError("too long");
    const error = new DiskError("no space", { cause: new Error("write failed", { cause: root }) });
    const copy = rebuilt(error) as DiskError;
    expect(copy).toMatchObject({ name: "DiskError", message: "no space", code: "ENOSPC" });
    expect(copy.at).toEqual(new Date(0));
    expect(copy.stack).toBe(error.stack);
    expect((copy.cause as Error).cause).toBeInstanceOf(RangeError);
    expect((copy.cause as Error).cause).toMatchObject({ message: "too long", stack: root.stack });
    expect(Object.keys(copy).sort()).toEqual(["at", "code"]);
  });

  test.each([
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
    TaskError,
    TaskCancelledError,
  ])("stays an instance of %o", (errorClass) => {
    const copy = rebuilt(new errorClass("words"));
    expect(copy).toBeInstanceOf(errorClass);
    expect(copy).toMatchObject({ name: errorClass.prototype.name, message: "words" });
  });

  test("keeps the errors of an AggregateError, Errors or not, and what an error of a sub-task says", () => {
    const error = new AggregateError([new TypeError("one"), "two"], "several");
    const copy = rebuilt(error) as AggregateError;
    expect(copy).toBeInstanceOf(AggregateError);
    expect(copy.errors[0]).toBeInstanceOf(TypeError);
    expect(copy.errors[1]).toBe("two");
    const inner = rebuilt(new TaskError("add failed", { key: "add-1", task: "add" }));
    expect(inner).toMatchObject({
      code: "task-failed",
      key: "add-1",
      task: "add",
      retriable: true,
    });
  });

  test("keeps an errors property that is no list of Errors as what it is", () => {
    const issues = { errors: [{ path: "a", message: "required" }] };
    expect(rebuilt(Object.assign(new Error("invalid"), issues))).toMatchObject(issues);
  });

  test("loses only those properties that cannot be sent", () => {
    const error = Object.assign(new Error("words"), {
      status: 404,
      request: () => 1,
      body: Buffer.from("x"),
      future: { [futureKey]: "k" },
    });
    Object.defineProperty(error, "broken", {
      enumerable: true,
      get() {
        throw new Error("no");
      },
    });
    const copy = rebuilt(error);
    expect(Object.keys(copy)).toEqual(["status"]);
  });

  test("may be in a circle of causes, properties and inner errors", () => {
    const error = new AggregateError([], "round") as AggregateError & { again?: unknown };
    error.cause = new Error("and", { cause: error });
    error.errors.push(error);
    error.again = { deeper: [error] };
    const copy = rebuilt(error);
    expect(copy.cause).toMatchObject({ message: "and" });
    expect(copy).toMatchObject({ again: { deeper: [{ message: "round" }] } });
  });

  test("is cut where it goes on without end", () => {
    let error = new Error("x".repeat(10_000_000));
    error.stack = "y".repeat(10_000_000);
    for (let level = 0; level < 1000; level++) {
      error = new AggregateError([error, error, error], "more", { cause: error });
    }
    const text = JSON.stringify(toErrorRecord(error));
    expect(text.length).toBeLessThan(2_000_000);
    const many = new AggregateError(
      Array.from({ length: 100_000 }, () => new Error("x")),
      "many",
    );
    expect(JSON.stringify(toErrorRecord(many)).length).toBeLessThan(2_000_000);
    const heavy = Object.assign(new Error("heavy"), { note: "kept", data: "z".repeat(1_000_000) });
    const copy = rebuilt(heavy);
    expect(copy).toMatchObject({ note: "kept" });
    expect(copy).not.toHaveProperty("data");
  });
});

describe("whatever is thrown is recorded:", () => {
  const trap = () => {
    throw new Error("trap");
  };
  const hostile = new Proxy(new Error("x"), {
    get: trap,
    has: trap,
    ownKeys: trap,
    getPrototypeOf: trap,
    getOwnPropertyDescriptor: trap,
  });
  const getters = Object.defineProperties(new Error("x"), {
    message: { get: trap },
    name: { get: trap },
    stack: { get: trap },
    cause: { get: trap, enumerable: true },
    other: { get: trap, enumerable: true },
  });
  const bare: unknown = Object.create(null);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const revocable = Proxy.revocable({}, {});
  revocable.revoke();

  test.each([
    ["a hostile proxy", hostile],
    ["throwing getters", getters],
    ["an object that has no toString", bare],
    ["a revoked proxy", revocable.proxy],
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    ["a promise", Promise.resolve()],
    ["a circle", circle],
  ])("%s", (_what, thrown) => {
    const failure = taskFailure(thrown, { key: "k", task: "t" });
    expect(typeof failure.error?.message).toBe("string");
    expect(errorOf(failure)).toBeInstanceOf(TaskError);
  });

  test("values that are no Errors arrive as they were", () => {
    for (const thrown of ["boom", 42, null, undefined, { code: 7 }, [1n, NaN]]) {
      expect(thrownOf(overTheWire(toErrorRecord(thrown)))).toEqual(thrown);
      expect(errorOf(taskFailure(thrown)).cause).toEqual(thrown);
      expect(fromErrorRecord(toErrorRecord(thrown)).cause).toEqual(thrown);
    }
    expect(new Error("a", { cause: "why" }).cause).toBe(
      rebuilt(new Error("a", { cause: "why" })).cause,
    );
  });

  test("anything at all", () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const text = JSON.stringify(toErrorRecord(thrown));
        expect(fromErrorRecord(JSON.parse(text) as ErrorRecord)).toBeInstanceOf(Error);
      }),
    );
  });
});

describe("a failure", () => {
  test("says which task threw what, and has it for its cause at the client", () => {
    const failure = taskFailure(new TypeError("x is not iterable"), { key: "add-1", task: "add" });
    expect(failure).toMatchObject({ code: "task-failed", key: "add-1", task: "add" });
    const error = errorOf(failure);
    expect(error).toBeInstanceOf(TaskError);
    expect(error.message).toBe("add (add-1) threw TypeError: x is not iterable");
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ key: "add-1", task: "add" });
    expect(taskFailure("boom", { task: "add" }).message).toBe("add threw boom");
    const { message } = taskFailure(Promise.resolve(1), { task: "add" });
    expect(message).toContain("a promise was thrown: await it first");
  });

  test("of one of our own errors keeps its code, words and cause", () => {
    const cause = new Error("underneath");
    const failure = failureOf(new UnknownTaskError("No such function", { cause, key: "k" }));
    expect(failure).toMatchObject({ code: "unknown-task", message: "No such function", key: "k" });
    const error = errorOf(failure);
    expect(error).toBeInstanceOf(UnknownTaskError);
    expect(error.cause).toMatchObject({ message: "underneath" });
    expect("cause" in errorOf(failureOf(new LostDataError("gone")))).toBe(false);
  });

  test("of a task that threw one of our errors is still the task's", () => {
    const inner = new TaskCancelledError("cancelled by its parent");
    const error = errorOf(taskFailure(inner, { task: "parent" }));
    expect(error).toBeInstanceOf(TaskError);
    expect(error.cause).toBeInstanceOf(TaskCancelledError);
    expect(failureOf(new Error("other")).code).toBe("task-failed");
  });

  test("of a code from elsewhere is a ThenceError with that code", () => {
    for (const code of ["from-the-future", "constructor", "__proto__"]) {
      const error = errorOf({ code, message: "words" });
      expect(error.constructor).toBe(ThenceError);
      expect(error.code).toBe(code);
    }
  });

  test("does not grow with every task that fails because its sub-task did", () => {
    let error: Error = new RangeError("the first");
    let failure = taskFailure(error);
    const sizes: number[] = [];
    for (let depth = 0; depth < 200; depth += 1) {
      failure = taskFailure(error, { key: `recurse-${depth}`, task: "recurse" });
      sizes.push(JSON.stringify(failure).length);
      error = errorOf(failure);
    }
    expect(failure.message.length).toBeLessThan(1_100);
    expect(Math.max(...sizes)).toBeLessThan(40_000);
  });

  test("stays within the limits of the wire", () => {
    const failure = taskFailure(new Error("x".repeat(200_000)), { key: "k", task: "t" });
    expect(failure.message.length).toBeLessThanOrEqual(limits.textLength);
  });
});

describe("a record from a hostile peer", () => {
  test.each([
    ["no fields", {}],
    ["fields of wrong types", { name: 1, message: {}, stack: [], cause: 5, errors: {}, thrown: 1 }],
    [
      "texts that are no payload",
      { name: "E", message: "m", properties: "{", cause: { thrown: "!" } },
    ],
    ["properties that are no object", { name: "E", message: "m", properties: "5" }],
    ["a name of Object.prototype", { name: "__proto__", message: "m" }],
    ["another", { name: "constructor", message: "m" }],
  ])("with %s still makes an Error", (_what, record) => {
    expect(fromErrorRecord(record as unknown as ErrorRecord)).toBeInstanceOf(Error);
  });

  test("cannot set a prototype, nor replace what the record says elsewhere", () => {
    for (const properties of [
      '~["$Object","__proto__",{"x":1},"constructor",1]',
      '{"__proto__":{"x":1}}',
      '{"stack":1,"message":2,"name":3,"cause":4,"kept":5}',
    ]) {
      const error = fromErrorRecord({ name: "TypeError", message: "m", properties });
      expect(Object.getPrototypeOf(error)).toBe(TypeError.prototype);
      expect(error).toMatchObject({ name: "TypeError", message: "m" });
      expect(error).not.toHaveProperty("x");
    }
  });

  test("may be nested without end", () => {
    let record: ErrorRecord = { name: "E", message: "m" };
    for (let level = 0; level < 100_000; level++)
      record = { name: "E", message: "m", cause: record };
    expect(fromErrorRecord(record)).toBeInstanceOf(Error);
  });
});
