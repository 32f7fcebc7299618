// The shell that runs commands: as in GNU Parallel the one from which the user calls, so that a line
// means the same inside the quotes as outside.

import { readFileSync, readlinkSync } from "node:fs";

const shells = new Set(
  "ash bash csh dash fish fizsh ksh ksh93 lksh mksh pdksh posh rbash rc rush rzsh sash sh tcsh yash zsh".split(
    " ",
  ),
);

/** $PARALLEL_SHELL, the nearest shell among the processes above this one, $SHELL, or /bin/sh. */
export function commandShell(): string {
  return process.env["PARALLEL_SHELL"] || callingShell() || process.env["SHELL"] || "/bin/sh";
}

/** The file of the shell that called this program; undefined where /proc does not tell. */
function callingShell(): string | undefined {
  try {
    for (let pid = process.ppid; pid > 1;) {
      const status = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name stands in parentheses, and may have some in it.
      const [, name = "", parent] = /\((.*)\) \S (\d+)/s.exec(status) ?? [];
      if (shells.has(name)) return readlinkSync(`/proc/${pid}/exe`);
      pid = Number(parent);
    }
  } catch {
    // No /proc, or a process of another user.
  }
  return undefined;
}
