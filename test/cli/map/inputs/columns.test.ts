// Columns: CSV, patterns, trimming and the names of a header.

import { describe, expect, test } from "vitest";
import { headerNames, rowSplitter } from "../../../../cli/map/inputs/columns.ts";

describe("CSV", () => {
  const split = rowSplitter({ csvSeparator: "," }, "n");

  test.each([
    ["a,b", ["a", "b"]],
    ["", [""]],
    [",", ["", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['"say ""hi""",', ['say "hi"', ""]],
    ['"two\nlines",x', ["two\nlines", "x"]],
    ['""', [""]],
    ["a,b\r", ["a", "b"]],
    [" a , b ", [" a ", " b "]],
  ])("%j", (record, row) => expect(split(record)).toEqual(row));

  test.each([
    ['a"b,c', "not CSV: a field with a quote must begin with one"],
    ['"a', "not CSV: a quote is not closed"],
    ['x,"a"b', 'not CSV: expected "," after the quoted field 2'],
  ])("%j is refused", (record, message) => expect(() => split(record)).toThrow(message));

  test("has the separator of --colsep", () => {
    expect(rowSplitter({ csvSeparator: "||" }, "n")('a||"b||c"')).toEqual(["a", "b||c"]);
  });
});

test("a group that took no part in the match is an empty value", () => {
  expect(rowSplitter({ separator: /(,)|;/ }, "n")("a;b,c")).toEqual(["a", "", "b", ",", "c"]);
});

test("only the white space of ASCII is trimmed", () => {
  expect(rowSplitter(undefined, "lr")("\v\u00a0a\u00a0\r\n")).toEqual(["\u00a0a\u00a0"]);
});

test("names come from a header without its return and its empty end", () => {
  expect(headerNames("a\tb\t\t\r", { separator: /\t/ })).toEqual(["a", "b"]);
  expect(headerNames('"the name",b', { csvSeparator: "," })).toEqual(["the name", "b"]);
  expect(headerNames("", undefined)).toEqual([]);
});
