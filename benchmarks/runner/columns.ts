// A table in the manner of Markdown, aligned, from cells that are words already.

/** `textual` columns are aligned left, figures right. */
export function columns(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  textual: readonly number[] = [0],
): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(3, ...all.map((line) => line[column]?.length ?? 0)),
  );
  const lines = all.map((line) =>
    widths.map((width, column) => {
      const cell = line[column] ?? "";
      return textual.includes(column) ? cell.padEnd(width) : cell.padStart(width);
    }),
  );
  const rule = widths.map((width, column) =>
    textual.includes(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  lines.splice(1, 0, rule);
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}
