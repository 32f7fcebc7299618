// Values of the client's own that become tasks' results: sent to a worker, or kept by the scheduler
// when they are small. A worker that cannot be reached is not the end: another one is asked for.

import { formatSize } from "../src/size.ts";
import { describeDuration } from "../src/duration.ts";
import { LostDataError, SerializationError, UnschedulableError } from "../src/errors/errors.ts";
import { encode, payloadBytes } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import type { ParametersOf } from "../src/wire/requests.ts";
import { delay } from "./delay.ts";
import type { Located } from "./fetcher.ts";
import { Future } from "./future.ts";
import { checkedNames, checkedTimeout } from "./option-checks.ts";
import type { Session } from "./session.ts";
import { now } from "../src/timers.ts";

export type ScatterOptions = {
  /** Names or hosts of the workers that may hold it. Default: any. */
  workers?: readonly string[];
  /** Every worker, or every one of `workers`, gets a copy. Default: false, one does. */
  broadcast?: boolean;
  /** Milliseconds to wait for a worker that can hold it. Default: 30,000. */
  timeoutMs?: number;
};

const againMs = 200;
/** Larger values do not fit into a message of a task to its worker, with what else is in it. */
const mostInsideBytes = limits.frameBytes - 64 * 1024;

/** A future of a value of this program's own, once the value is where it was asked to be. */
export async function scatter<T>(
  session: Session,
  value: T,
  options: ScatterOptions,
): Promise<Future<T>> {
  const { workers, broadcast = false } = checkedNames(
    options,
    ["workers", "broadcast", "timeoutMs"],
    "scatter",
  );
  const timeoutMs = checkedTimeout(options.timeoutMs ?? 30_000);
  const { payload, inputs } = encode(value, "value", { mostBytes: limits.valueBytes });
  if (inputs.length > 0) {
    throw new TypeError("scatter a value: it holds futures, whose values are with workers already");
  }
  // Inside a task the value goes along, and its worker sends it to where it is to be.
  const { fetcher } = session;
  const state = session.createScattered();
  const { key } = state;
  const bytes = payloadBytes(payload);
  const isSmall = bytes <= session.smallResultBytes && !workers && !broadcast;
  if (fetcher === undefined && bytes > mostInsideBytes) {
    throw new SerializationError(
      `return it from a sub-task, or scatter it in parts: a value that a task scatters may have ` +
        `${formatSize(mostInsideBytes)}, and this one has ${formatSize(bytes)}`,
    );
  }
  const parameters = {
    key,
    bytes,
    ...((isSmall || fetcher === undefined) && { value: payload }),
    ...(workers && { workers: [...workers] }),
    ...(broadcast && { broadcast }),
  };
  try {
    const send = (located: Located) => fetcher?.send(located, payload) ?? notSentByWorker();
    await place(
      async () => {
        // Its scheduler is lost, and the next one knows nothing of it; or a restart has ended it. A value that
        // was lost is sent again.
        const isOver = !(state.error instanceof LostDataError) || !state.known;
        if (state.error && isOver) throw state.error;
        await attempt(session, parameters, send);
      },
      { key, timeoutMs },
    );
  } catch (error) {
    session.dropScattered(state);
    throw error;
  }
  const future = new Future<T>(state);
  // The handle of the session while the value was under way.
  state.dropHandle();
  return future;
}

/** A task hears where its value is to go only when its worker could not send it there. */
async function notSentByWorker(): Promise<void> {
  return Promise.reject(new Error("the worker that was to hold it could not be reached"));
}

type Parameters = ParametersOf<"scatter">;
type Send = (located: Located) => Promise<void>;

/**
 * Resolves when the value is where it was asked to be.
 *
 * @throws {UnschedulableError} when no worker could take it in time
 */
async function place(
  tryOnce: () => Promise<void>,
  { key, timeoutMs }: { key: string; timeoutMs: number },
): Promise<void> {
  const deadline = now() + timeoutMs;
  for (;;) {
    const problem = await tryOnce().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    if (problem === undefined) return;
    const isPassing = problem instanceof UnschedulableError || problem instanceof SendError;
    if (!isPassing) throw problem;
    if (now() + againMs > deadline) {
      const message = `${problem.message} (after ${describeDuration(timeoutMs)})`;
      throw new UnschedulableError(message, { cause: problem, key });
    }
    await delay(againMs);
  }
}

class SendError extends Error {}

async function attempt(session: Session, parameters: Parameters, send: Send): Promise<void> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const stopListening = session.onLocated(parameters.key, (located) => {
    send(located).catch((error: unknown) => {
      reject(new SendError(`the value could not be sent: ${(error as Error).message}`));
    });
  });
  try {
    await Promise.race([session.request("scatter", parameters), failed]);
  } finally {
    stopListening();
  }
}
