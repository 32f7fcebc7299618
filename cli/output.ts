// What commands print: results as JSON where they are JSON, tables for people.

import { inspect } from "node:util";

/**
 * One line for a result. A value that is not JSON (a Map, a BigInt, bytes, NaN inside) is written
 * the way a Node prompt would show it. No text at all for undefined: the function returns nothing.
 */
export function resultText(value: unknown, colors = false): string | undefined {
  if (value === undefined) return undefined;
  if (whyNotJson(value, "result") === undefined) return JSON.stringify(value);
  return inspect(value, {
    depth: Infinity,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Infinity,
    colors,
  });
}

/**
 * Why JSON text would not say all of a value, and where in it; undefined when it does. A Date counts
 * as JSON, its text says all of it; so does a property that is undefined, it just stays away.
 */
export function whyNotJson(value: unknown, path: string): string | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      if (Object.is(value, -0)) return `${path} is -0`;
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case "object":
      break;
    default:
      return `${path} is ${value === undefined ? "undefined" : `a ${typeof value}`}`;
  }
  if (value === null || (value instanceof Date && !Number.isNaN(value.getTime()))) return undefined;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const why = whyNotJson(item, `${path}[${index}]`);
      if (why !== undefined) return why;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return `${path} is a ${value.constructor.name}`;
  }
  for (const [name, property] of Object.entries(value)) {
    if (property === undefined) continue;
    const why = whyNotJson(property, `${path}.${name}`);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Rows under headings, in columns as wide as they need; numbers stand to the right. */
export function table(headings: readonly string[], rows: readonly (string | number)[][]): string {
  const texts = [headings, ...rows.map((row) => row.map((cell) => printable(String(cell))))];
  const widths = headings.map((_, column) =>
    Math.max(...texts.map((row) => (row[column] ?? "").length)),
  );
  const numeric = headings.map((_, column) => rows.every((row) => typeof row[column] === "number"));
  return texts
    .map((row) =>
      row
        .map((text, column) =>
          numeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Names come from other machines, and none of them may move the cursor of this terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "\ufffd");
}
