// Supervises a scheduler with a journal: runs it as a child process and restarts it when it dies, so that
// its successor goes on where it ended. One that could not start, ends in good order or was asked to end
// is not restarted.

import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { restartPauses } from "./restart-pauses.ts";
import { endOf, endRequests, start, type Supervisor } from "./supervise.ts";

/** Deaths in a row of processes that never listened, after which the supervisor gives up. */
const deathsBeforeListening = 5;

/** Runs until the scheduler ends, and returns its exit code. */
export async function superviseScheduler(
  options: Pick<Supervisor, "onEndRequest" | "say">,
): Promise<number> {
  const program = { args: process.argv.slice(2), env: process.env };
  const told = { name: hostname(), mark: randomUUID() };
  const asked = new AbortController();
  let child: ChildProcess | undefined;
  const forward = endRequests(() => child);
  options.onEndRequest((why) => {
    asked.abort();
    forward(why);
  });
  const pause = restartPauses(asked.signal);
  let hasListened = false;
  for (let deaths = 0; ;) {
    child = start(program, told);
    const { code, how, isOrderly, hasJoined } = await endOf(child);
    hasListened ||= hasJoined;
    deaths = hasJoined ? 1 : deaths + 1;
    if (isOrderly || asked.signal.aborted || !hasListened) return code;
    if (deaths > deathsBeforeListening) {
      options.say(
        `giving up: the scheduler died ${deaths} times in a row before it listened: ${how}`,
      );
      return code;
    }
    options.say(`the scheduler died, and the next one goes on from its journal: ${how}`);
    await pause();
    if (asked.signal.aborted) return code;
  }
}
