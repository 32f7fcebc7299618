// The flags of this Node for the processes that it starts.

/**
 * The flags of this Node that its children should have too, loaders and memory limits above all.
 * Not those that say what to run or open a port for a debugger.
 */
export function inheritedFlags(flags: readonly string[]): string[] {
  const evaluated = /^(-e|-p|-pe|--eval|--print)$/;
  const own = /^(-(e|p|pe|c|i)$|--(eval|print|check|interactive|input-type|inspect|test|watch)\b)/;
  return flags.filter((flag, i) => !own.test(flag) && !evaluated.test(flags[i - 1] ?? ""));
}
