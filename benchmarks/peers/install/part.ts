// A part that some peer needs: where it comes from and its name there, and what became of it.

export type Part = `${"python" | "npm" | "debian"}:${string}`;

export type Outcome = { version: string } | { reason: string };

/** Everything that is installed goes into one ignored folder: delete it to begin anew. */
export const folder = new URL("../../../.peers/", import.meta.url);

export function nameOf(part: Part): string {
  return part.slice(part.indexOf(":") + 1);
}

/** `dask[distributed]` is the package `dask` with an extra. */
export function packageOf(part: Part): string {
  return nameOf(part).replace(/\[.*$/, "");
}
