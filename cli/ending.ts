// When this process is asked to end: by a signal, or because the process it belongs to is gone.

/** So long after the first signal, another one is more of the same and not impatience. */
const sameRequestMs = 1_000;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Calls `onRequest` once, at the first signal or when the channel to the parent closes, if there is one:
 * a launcher that was killed can hand on no signal. A further signal ends the process at once.
 * A terminal signals a whole group of processes, and the launchers in it hand on what they got, so
 * the same Ctrl-C may well come twice.
 */
export function onEndRequest(onRequest: (why: NodeJS.Signals | "disconnect") => void): void {
  let requestedAt: number | undefined;
  const request = (why: NodeJS.Signals | "disconnect") => {
    if (requestedAt === undefined) {
      requestedAt = performance.now();
      onRequest(why);
    } else if (why !== "disconnect" && performance.now() - requestedAt > sameRequestMs) {
      process.exit(1);
    }
  };
  for (const signal of signals) process.on(signal, request);
  process.once("disconnect", () => request("disconnect"));
  // npx hands its signals to a shell that may die of them without handing them on.
  if (process.env.npm_command === "exec") whenOrphaned(() => request("disconnect"));
  // A listener would otherwise keep the channel, and so a process that has done its work, alive.
  process.channel?.unref();
}

/** The same, for a process that only hands on what it is asked, each time. */
export function forwardEndRequests(forward: (why: NodeJS.Signals | "disconnect") => void): void {
  for (const signal of signals) process.on(signal, forward);
  process.once("disconnect", () => forward("disconnect"));
  if (process.env.npm_command === "exec") whenOrphaned(() => forward("disconnect"));
  process.channel?.unref();
}

/** How often the parent is looked at, in milliseconds. */
const lookEveryMs = 250;

function whenOrphaned(orphaned: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    orphaned();
  }, lookEveryMs);
  timer.unref();
}
