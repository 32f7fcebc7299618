// What a signal that ended a process means, in words for people.

/**
 * @param heapMib the limit of the process's heap, when it is known
 * @example killedBy("SIGSEGV") // "killed by SIGSEGV"
 */
export function killedBy(signal: NodeJS.Signals, heapMib?: number): string {
  return `killed by ${signal}${hint(signal, heapMib)}`;
}

/** The signal is all that is known: Node ends a process whose heap is full as native code aborts one. */
function hint(signal: NodeJS.Signals, heapMib: number | undefined): string {
  const limit = heapMib === undefined ? "" : ` of ${heapMib} MiB`;
  if (signal === "SIGKILL") return " (by a person, or by the system for lack of memory)";
  if (signal !== "SIGABRT") return "";
  return ` (by process.abort(), by native code, or by Node when its heap reached its memory limit${limit})`;
}
