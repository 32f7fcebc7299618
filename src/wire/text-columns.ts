// A column of many short texts goes over the wire as one text, a line for each. The engine makes
// every short string of a JSON text unique in a table of all strings, which costs several times what
// reading it does, and short payloads are what most tasks have. Longer texts stay as they are: one
// cut out of another would keep the whole of it in memory.
//
// So no text of a payload may hold a line end, and none does: JSON writes it as an escape.

/** Of every text: what the engine copies when it is cut out of another. */
const longestText = 12;
const lineEnd = "\n";

/** The JSON text of a message, whose payload columns are made one text each where that pays. */
export function stringifyMessage(message: object): string {
  const { args, values } = message as { args?: unknown; values?: unknown };
  const column = args ?? values;
  if (!isColumnOfShortTexts(column)) return JSON.stringify(message);
  const name = args === undefined ? "values" : "args";
  return JSON.stringify({ ...message, [name]: column.join(lineEnd) });
}

/** The texts that were made one; one more than `most` where there are more than that. */
export function textsOf(column: string, most: number): string[] {
  return column.split(lineEnd, most + 1);
}

export function holdsLineEnd(text: string): boolean {
  return text.includes(lineEnd);
}

function isColumnOfShortTexts(column: unknown): column is string[] {
  if (!Array.isArray(column) || column.length < 2) return false;
  for (const text of column as unknown[]) {
    if (typeof text !== "string" || text.length > longestText) return false;
  }
  return true;
}
