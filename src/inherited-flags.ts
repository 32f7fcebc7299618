// The flags of this Node process that its child processes inherit.

/**
 * Keeps the flags that a child should have too, such as loaders and memory limits. Removes those that
 * choose what to run or open a debugger's port.
 */
export function inheritedFlags(flags: readonly string[]): string[] {
  const evaluated = /^(-e|-p|-pe|--eval|--print)$/;
  const own = /^(-(e|p|pe|c|i)$|--(eval|print|check|interactive|input-type|inspect|test|watch)\b)/;
  return flags.filter((flag, i) => !own.test(flag) && !evaluated.test(flags[i - 1] ?? ""));
}
