// A module that a worker loads: the file, and the error when it cannot be used.

import { ThenceError } from "../../src/errors/errors.ts";

/** A file to import, and the prefix of its functions' names. */
export type ModuleSource = {
  /** Absolute path of a `.ts` or `.js` file. */
  readonly path: string;
  /** Its functions are registered as `name.function`; without it, under their own names. */
  readonly name?: string;
};

/** A module cannot be used: it does not load, exports no function, or a name is taken already. */
export class ModuleError extends ThenceError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("module-unusable", message, options);
    this.name = "ModuleError";
  }
}
