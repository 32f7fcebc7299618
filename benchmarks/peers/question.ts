// What runner and driver say to each other: a line of JSON each way.

/** What a driver can be asked to do. */
export type Kind = "round-trip" | "map" | "chain" | "tree" | "array";

export type Question = {
  id: number;
  measure: Kind;
  /** Calls to make; of an array, its numbers. */
  size: number;
  /** When to stop calls that are made one at a time. */
  withinMs: number;
};

export type Answer =
  | {
      elapsedMs: number;
      /** Of each call, when they were made one at a time. */
      latenciesMs?: number[];
    }
  | { error: string };
