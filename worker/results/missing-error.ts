// The error of a fetch that got the result from no holder.

import type { Located } from "../../src/transfer/holders.ts";

export class MissingError extends Error {
  readonly wanted: Located;
  /** The addresses of the workers that do not have the result, though the scheduler named them. */
  readonly lacking: readonly string[];

  /** @param why the problem with each holder */
  constructor(wanted: Located, lacking: readonly string[], why: string) {
    super(why);
    this.wanted = wanted;
    this.lacking = lacking;
  }
}
