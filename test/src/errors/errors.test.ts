// The catalogue of errors: stable codes, one class each, and which ones are retriable.

import { describe, expect, test } from "vitest";
import {
  ConnectionError,
  errorClasses,
  SerializationError,
  TaskError,
  ThenceError,
  TimeoutError,
  type ErrorCode,
} from "../../../src/errors/errors.ts";

describe("every error of the catalogue", () => {
  test.each(Object.entries(errorClasses))(
    "%s is a ThenceError with its code and name",
    (code, each) => {
      const cause = new Error("underneath");
      const error: ThenceError = new each("words", { cause, key: "add-1", task: "add" });
      expect(error).toBeInstanceOf(ThenceError);
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({ code, message: "words", cause, key: "add-1", task: "add" });
      expect(error.name).toBe(each.name);
      expect(String(error)).toBe(`${each.name}: words`);
      expect(error.stack).toContain(`${each.name}: words`);
      expect(Object.keys(new each("words"))).toEqual(["code", "retriable"]);
    },
  );

  test("has a code of its own, in a form fit for programs", () => {
    const codes = Object.keys(errorClasses);
    expect(new Set(Object.values(errorClasses)).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});

test("an error is retriable when the very same call may succeed later", () => {
  const retriable = Object.entries(errorClasses).filter(([, each]) => new each("words").retriable);
  expect(retriable.map(([code]) => code) satisfies string[] as ErrorCode[]).toEqual([
    "task-failed",
    "task-timeout",
    "worker-lost",
    "unschedulable",
    "overloaded",
    "timeout",
    "connection-failed",
  ]);
  expect(new ConnectionError("words").retriable).toBe(true);
  expect(new TimeoutError("words").retriable).toBe(true);
});

test("a cause is there only when it was given", () => {
  expect("cause" in new TaskError("words")).toBe(false);
  expect(new TaskError("words", { cause: undefined })).toHaveProperty("cause", undefined);
});

test("a SerializationError has the path inside the value", () => {
  expect(new SerializationError("words", { path: "argument[0]" }).path).toBe("argument[0]");
  expect("path" in new SerializationError("words")).toBe(false);
});
