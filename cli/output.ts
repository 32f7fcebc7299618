// The output of commands: results as JSON where possible, and tables for people.

import { inspect } from "node:util";

/**
 * The text of a result, on one line. A value that is not JSON (a Map, a bigint, bytes, NaN inside) is
 * printed as in a Node prompt. Undefined when the function returned nothing.
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

/** A number of things: `counted(1, "slot")` is "1 slot". */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** Prints a result on standard output; with `json` one that is not JSON is refused. */
export function printResult(result: unknown, { json = false }: { json?: boolean }): void {
  const why = json && result !== undefined ? whyNotJson(result, "result") : undefined;
  if (why !== undefined) throw new Error(`the result is not JSON: ${why}; see it without --json`);
  const text = resultText(json ? (result ?? null) : result, process.stdout.isTTY);
  if (text !== undefined) process.stdout.write(`${text}\n`);
}

/**
 * Why JSON would alter a value, with the place inside it; undefined when JSON keeps it. A Date counts
 * as JSON, because its text is complete; so does an undefined property, which JSON leaves out.
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

/** Formats rows under headings, in columns as wide as needed, with numbers aligned to the right. */
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

/** Replaces control characters: a name from another machine must not move the terminal's cursor. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "\ufffd");
}
