// A module that a worker loads: the file, and the error when it cannot be used.

import { ThenceError } from "../../src/errors/errors.ts";

/** What to import, and the prefix of its functions' names. */
export type ModuleSource = {
  /** Absolute path of a `.ts` or `.js` file. */
  readonly path: string;
  /** When there is no such file: what an `import` in a file of that directory would name. */
  readonly package?: { readonly specifier: string; readonly directory: string };
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
