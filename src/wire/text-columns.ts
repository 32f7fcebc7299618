// Columns of many short texts are sent as one text with a line for each. The reason is speed: V8
// interns every short string that it parses from JSON, which takes several times as long as parsing,
// and most payloads are short. Longer texts are sent as they are, because a long substring would keep
// the whole joined text in memory.
//
// This requires that no payload contains a line end. None does, because JSON escapes it.

/** The longest text that V8 copies when it takes a substring; a longer one refers to its source. */
const longestText = 12;
const lineEnd = "\n";

/** Writes a message as JSON, with its payload column joined where that is faster. */
export function stringifyMessage(message: object): string {
  const { args, values } = message as { args?: unknown; values?: unknown };
  const column = args ?? values;
  if (!isColumnOfShortTexts(column)) return JSON.stringify(message);
  const name = args === undefined ? "values" : "args";
  return JSON.stringify({ ...message, [name]: column.join(lineEnd) });
}

/**
 * Splits a joined column; returns `most + 1` texts when it has more than `most`.
 *
 * @returns undefined when a text is longer than any that is joined: it would keep all others in memory
 */
export function textsOf(column: string, most: number): string[] | undefined {
  const texts = column.split(lineEnd, most + 1);
  for (const { length } of texts) if (length > longestText) return undefined;
  return texts;
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
