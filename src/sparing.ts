// Spares a log what somebody from outside could say without end.

const most = 20;
const withinMs = 60_000;

/**
 * The same `say`, of which no more than twenty a minute get through; how many did not is said with the
 * next one that does.
 */
export function sparing<Rest extends unknown[]>(
  say: (text: string, ...rest: Rest) => void,
  now: () => number = () => performance.now(),
): (text: string, ...rest: Rest) => void {
  let since = -Infinity;
  let said = 0;
  let kept = 0;
  return (text, ...rest) => {
    if (now() - since >= withinMs) {
      since = now();
      said = 0;
    }
    if (said === most) {
      kept += 1;
      return;
    }
    said += 1;
    const more = kept === 0 ? "" : ` (${kept} more such warnings were left out before this one)`;
    kept = 0;
    say(text + more, ...rest);
  };
}
