// Columns: the values of one record, split by a pattern or as CSV, and the names in a header.

import { UsageError } from "../../exit-code.ts";
import type { Row } from "../jobs/job.ts";

/** How a record is split into columns. */
export type Columns = { separator: RegExp } | { csvSeparator: string };

/** The sides on which values lose white space: none, left, right, or both. */
export const trims = ["n", "l", "r", "lr", "rl"] as const;
export type Trim = (typeof trims)[number];

/** The white space of ASCII; `\s` would include the spaces of Unicode. */
const white = "[ \\t\\n\\v\\f\\r]+";
const leading = new RegExp(`^${white}`);
const trailing = new RegExp(`${white}$`);

/** Makes the function that turns a record into its values. */
export function rowSplitter(columns: Columns | undefined, trim: Trim): (record: string) => Row {
  const split = columns ? (record: string) => splitRecord(record, columns) : undefined;
  if (trim === "n") return split ?? ((record) => [record]);
  return (record) => (split?.(record) ?? [record]).map((value) => trimmed(value, trim));
}

/** The names in the first line of a source. Columns after the last named one have none. */
export function headerNames(line: string, columns: Columns | undefined): string[] {
  const names = columns ? splitRecord(line.replace(/\r$/, ""), columns) : [line];
  while (names.at(-1) === "") names.pop();
  return names;
}

function splitRecord(record: string, columns: Columns): string[] {
  if (record === "") return [""];
  if ("csvSeparator" in columns) return csvFields(record, columns.csvSeparator);
  // A group that took no part in a match leaves undefined between the values.
  return record.split(columns.separator).map((value: string | undefined) => value ?? "");
}

function trimmed(value: string, trim: Trim): string {
  const rest = trim === "r" ? value : value.replace(leading, "");
  return trim === "l" ? rest : rest.replace(trailing, "");
}

/** The fields of a record of RFC 4180: quoted ones may have separators, newlines and `""` in them. */
function csvFields(record: string, separator: string): string[] {
  const text = record.endsWith("\r") ? record.slice(0, -1) : record;
  const fields: string[] = [];
  for (let start = 0; ;) {
    const { field, end } =
      text[start] === '"' ? quotedField(text, start) : plainField(text, start, separator);
    fields.push(field);
    if (end === text.length) return fields;
    if (!text.startsWith(separator, end)) {
      throw notCsv(text, `expected "${separator}" after the quoted field ${fields.length}`);
    }
    start = end + separator.length;
  }
}

function plainField(text: string, start: number, separator: string) {
  const next = text.indexOf(separator, start);
  const end = next < 0 ? text.length : next;
  const field = text.slice(start, end);
  if (field.includes('"')) throw notCsv(text, "a field with a quote must begin with one");
  return { field, end };
}

function quotedField(text: string, start: number) {
  let field = "";
  for (let from = start + 1; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) throw notCsv(text, "a quote is not closed");
    field += text.slice(from, quote);
    if (text[quote + 1] !== '"') return { field, end: quote + 1 };
    field += '"';
    from = quote + 2;
  }
}

function notCsv(record: string, why: string): UsageError {
  const shown = record.length > 60 ? `${record.slice(0, 60)}…` : record;
  return new UsageError(`not CSV: ${why}: ${shown}`);
}
