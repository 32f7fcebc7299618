// The flags of Node for the processes that this package starts.

/** An address that no machine has: a debugger that a signal would open there fails to open. */
const nowhere = "192.0.2.1:9229";

/** No variable and no signal opens a debugger's port; see cli/signals.js. */
const withoutDebugger = [
  "--no-inspect",
  "--no-inspect-brk",
  "--no-inspect-wait",
  `--inspect-port=${nowhere}`,
];

/**
 * The flags for a child process: those of this process that a child should have too, such as loaders
 * and memory limits, without those that choose what to run; and those that keep the debugger closed.
 *
 * @param flags `process.execArgv`
 */
export function childFlags(flags: readonly string[]): string[] {
  const evaluated = /^(-e|-p|-pe|--eval|--print)$/;
  const own =
    /^(-(e|p|pe|c|i)$|--(eval|print|check|interactive|input-type|(no-)?inspect|test|watch)\b)/;
  const inherited = flags.filter(
    (flag, i) => !own.test(flag) && !evaluated.test(flags[i - 1] ?? ""),
  );
  return [...inherited, ...withoutDebugger];
}
