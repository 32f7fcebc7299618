// Finds the part of a value that alone is too large, for the error that refuses the value.

import { ValuePath } from "./value-path.ts";

/** The path to the innermost such part; `root` when only the parts together are too large. */
export function pathToLargest(
  value: unknown,
  root: string,
  isTooLarge: (part: unknown) => boolean,
): string {
  const path = new ValuePath(root);
  // A circular value contains itself, which is as large.
  const seen = new Set<unknown>();
  for (let inside = value; ;) {
    seen.add(inside);
    const found = partsOf(inside).find(([, part]) => !seen.has(part) && isTooLarge(part));
    if (found === undefined) return path.toString();
    path.push(found[0]);
    inside = found[1];
  }
}

function partsOf(value: unknown): [step: number | string, part: unknown][] {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  return Array.isArray(value) ? [...value.entries()] : Object.entries(value);
}
