// The path to an object in a graph, for an error: `.ready.levels.get(0).turns[3]`.

/** @param parents the objects on the way down to it, the root first */
export function pathTo(parents: readonly object[], child: unknown): string {
  return parents.map((parent, depth) => step(parent, parents[depth + 1] ?? child)).join("");
}

function step(parent: object, child: unknown): string {
  if (Array.isArray(parent)) return `[${parent.indexOf(child)}]`;
  if (parent instanceof Set) return ".values()";
  if (parent instanceof Map) {
    for (const [key, value] of parent as Map<unknown, unknown>) {
      if (value === child) return `.get(${typeof key === "string" ? key : "…"})`;
    }
    return ".keys()";
  }
  const found = Object.entries(parent).find(([, value]) => value === child);
  return `.${found?.[0] ?? "…"}`;
}
