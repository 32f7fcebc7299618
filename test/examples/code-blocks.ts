// The TypeScript in the documentation, put together as a reader would: what a page prints of a file
// becomes that file.

import { readFileSync } from "node:fs";
import path from "node:path";

export const root = path.join(import.meta.dirname, "..", "..");

/** The text of each TypeScript block of a page, or of one section and what comes before the first. */
export function blocksOf(page: string, section?: string): string[] {
  let text = readFileSync(path.join(root, page), "utf8");
  if (section !== undefined) {
    const [first = "", ...others] = text.split(/^## /m);
    text = first + (others.find((each) => each.startsWith(section)) ?? "");
  }
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block);
}

/**
 * The program on a page, by file name. A block that opens with the name of a file (`// tasks.ts`) or that
 * exports something is a part of that file, `tasks.ts` unless it says so. All others are `main.ts`, one
 * after the other: each sees what came before it, and may use its names anew. Imports go to the top.
 */
export function programOf(page: string, section?: string): Map<string, string> {
  const files = new Map<string, { imports: Set<string>; parts: string[] }>();
  for (const block of blocksOf(page, section)) {
    const named = /^\/\/ ([\w-]+\.ts)$/m.exec(block)?.[1];
    const name = named ?? (/^export /m.test(block) ? "tasks.ts" : "main.ts");
    const file = files.get(name) ?? { imports: new Set(), parts: [] };
    files.set(name, file);
    const body = block.replace(/^import .*;\n/gm, (line) => (file.imports.add(line), ""));
    file.parts.push(name === "main.ts" ? `{\n${body}` : body);
  }
  return new Map(
    [...files].map(([name, { imports, parts }]) => {
      const ends = name === "main.ts" ? "}".repeat(parts.length) : "";
      return [name, `${[...imports].join("")}${parts.join("")}${ends}\nexport {};\n`];
    }),
  );
}

/** The settings that the README gives its readers. */
export function readersConfig(): { compilerOptions: Record<string, unknown> } {
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  const [, json = ""] = /^```json\n(.*?)^```$/ms.exec(readme) ?? [];
  return JSON.parse(json) as ReturnType<typeof readersConfig>;
}
