// The errors of a journal. Their messages say which file, what is wrong with it, and what can be done.

/**
 * - `in-use`: another scheduler has the journal.
 * - `lost`: another scheduler took the journal while this one did not answer.
 * - `newer`: a newer version of thence wrote it, in a format of its own.
 * - `other-version`: another version wrote its records, which only that one can repeat.
 * - `damaged`: bytes are not those that were written.
 * - `planted`: another user may have put it there.
 * - `full`: there is no room on the disk.
 * - `failed`: the operating system refused an operation.
 */
export type JournalErrorKind =
  "in-use" | "lost" | "newer" | "other-version" | "damaged" | "planted" | "full" | "failed";

/** A journal cannot be opened, read or written. */
export class JournalError extends Error {
  readonly kind: JournalErrorKind;

  constructor(kind: JournalErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** There is no room for what was appended. It is kept, and `write` can be called again. */
export class JournalFullError extends JournalError {
  constructor(message: string, options?: ErrorOptions) {
    super("full", message, options);
  }
}

for (const [name, errorClass] of Object.entries({ JournalError, JournalFullError })) {
  Object.defineProperty(errorClass.prototype, "name", { value: name, configurable: true });
}

/** The disk, the quota of the user, or the limit of the size of a file (`ulimit -f`). */
const fullCodes: readonly unknown[] = ["ENOSPC", "EDQUOT", "EFBIG"];

/** The error for one that the operating system gave while `what` was done: "write FILE". */
export function journalErrorOf(what: string, error: unknown): JournalError {
  if (error instanceof JournalError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (fullCodes.includes(code)) {
    return new JournalFullError(`cannot ${what}: there is no room (${message})`, { cause: error });
  }
  return new JournalError("failed", `cannot ${what}: ${hintOf(code)}${message}`, { cause: error });
}

function hintOf(code: string | undefined): string {
  if (code === "EROFS") return "the file system is read-only: ";
  if (code === "EACCES" || code === "EPERM") return "it belongs to another user: ";
  if (code === "ENOTDIR" || code === "EEXIST") return "something else has its name: ";
  return "";
}
