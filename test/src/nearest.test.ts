// Suggestions for a mistyped name, and their cost.

import { expect, test } from "vitest";
import { didYouMean, nearestNames } from "../../src/nearest.ts";

const known = ["add", "sub", "multiply", "statistics.mean", "statistics.median"];

test("the nearest known names come first, and far ones not at all", () => {
  expect(nearestNames("ad", known)).toEqual(["add"]);
  expect(nearestNames("mutliply", known)).toEqual(["multiply"]);
  expect(nearestNames("statistics.meen", known)).toEqual(["statistics.mean", "statistics.median"]);
  expect(nearestNames("render", known)).toEqual([]);
  expect(nearestNames("", known)).toEqual([]);
});

test("a forgotten module or another case counts as very near", () => {
  expect(nearestNames("mean", known)).toEqual(["statistics.mean"]);
  expect(nearestNames("math.add", known)).toEqual(["add"]);
  expect(nearestNames("ADD", known)).toEqual(["add"]);
});

test("two letters that changed places are one slip", () => {
  expect(nearestNames("lable", ["label", "cable"])).toEqual(["cable", "label"]);
  expect(nearestNames("errosr", ["errors"])).toEqual(["errors"]);
  expect(nearestNames("elbal", ["label"])).toEqual([]);
});

test("no more names than asked for, equally near ones in the order of the alphabet", () => {
  const alike = ["tack", "tank", "talk", "tark"];
  expect(nearestNames("task", alike)).toEqual(["tack", "talk", "tank"]);
  expect(nearestNames("task", new Set(alike), 1)).toEqual(["tack"]);
});

test("ten thousand long names take no noticeable time", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => `${"ab".repeat(100)}${index}`);
  const start = process.cpuUsage();
  nearestNames("ba".repeat(120), many);
  expect(process.cpuUsage(start).user).toBeLessThan(1_000_000);
});

test("the end of an error message", () => {
  expect(didYouMean("ad", known)).toBe(' Did you mean "add"?');
  expect(didYouMean("statistics.meen", known)).toBe(
    ' Did you mean "statistics.mean" or "statistics.median"?',
  );
  expect(didYouMean("render", known)).toBe("");
});
