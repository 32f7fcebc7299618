// For commands that wait for a task: an interruption gives up the waiting, and ends the command by the
// same signal, since a shell stops its loop only when the signal of Ctrl-C has ended the command.

import { onEndRequest } from "./end-requests.ts";

export async function interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupted = new AbortController();
  let signal: NodeJS.Signals | undefined;
  onEndRequest((why) => {
    if (why !== "disconnect") signal = why;
    interrupted.abort(new Error("interrupted"));
  });
  try {
    await run(interrupted.signal);
  } catch (error) {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    throw error;
  }
}
