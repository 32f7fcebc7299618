// The exit of a process that may have a thread inside a system call. `process.exit` waits for its threads, and
// such a thread does not end.

let threadsThatDoNotEnd = 0;

/** A thread was terminated, and does not end. */
export function noteThreadThatDoesNotEnd(): { ended(): void } {
  threadsThatDoNotEnd += 1;
  return {
    ended: () => {
      threadsThatDoNotEnd -= 1;
    },
  };
}

/** Ends this process, at once if one of its threads does not end. */
export function exitProcess(code: number): never {
  return threadsThatDoNotEnd > 0 ? exitAtOnce(code) : process.exit(code);
}

/** Ends this process whatever its threads do. No exit listener runs. */
export function exitAtOnce(code: number): never {
  try {
    // Only a program that takes the place of this one ends the threads and still has an exit code of its own.
    process.execve?.("/bin/sh", ["sh", "-c", `exit ${code}`], {});
  } catch {
    // The platform has no such call.
  }
  process.kill(process.pid, "SIGKILL");
  return process.exit(code);
}
