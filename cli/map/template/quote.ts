// Quoting for Bourne shells, byte for byte as `parallel --shellquote` does it.

const unsafe = /[^-_.+a-zA-Z0-9/]/;

/** Quotes a text so that a shell reads it as one word and expands nothing in it. */
export function shellQuote(text: string): string {
  if (text === "") return "''";
  if (!unsafe.test(text)) return text;
  if (!text.includes("'")) return `'${text}'`;
  // A quote stands in double quotes between two quoted parts; empty parts at the ends are left out.
  const quoted = `'${text.replaceAll("'", `'"'"'`)}'`;
  return quoted.slice(text.startsWith("'") ? 2 : 0, text.endsWith("'") ? -2 : undefined);
}
