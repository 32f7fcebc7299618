// What a connection is for: its path says it, and the proofs of the token cover it.

/** A link carries the messages of a session; the other kind carries values. */
export type Purpose = "link" | "data";

/** The path at which workers and the scheduler serve values. */
export const transferPath = "/data";

export function purposeOf(path: string): Purpose {
  return path.endsWith(transferPath) ? "data" : "link";
}
