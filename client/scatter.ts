// Values of the client's own that become tasks' results: sent to a worker, or kept by the scheduler
// when they are small. A worker that cannot be reached is not the end: another one is asked for.

import { UnschedulableError } from "../src/errors/errors.ts";
import { payloadBytes, type Payload } from "../src/payload/payload.ts";
import type { FromClient } from "../src/wire/protocol.ts";
import { delay } from "./delay.ts";
import type { Located } from "./fetcher.ts";

export type ScatterOptions = {
  /** Names or hosts of the workers that may hold it. Default: any. */
  workers?: readonly string[];
  /** Every worker, or every one of `workers`, gets a copy. Default: false, one does. */
  broadcast?: boolean;
  /** Milliseconds to wait for a worker that can hold it. Default: 30,000. */
  timeoutMs?: number;
};

/** What it needs of the session. */
export type ScatterHost = {
  readonly smallResultBytes: number;
  question(message: (id: number) => FromClient): Promise<unknown>;
  /** By key, who is told where to send a value, whenever the scheduler answers that. */
  readonly scattering: Map<string, (located: Located) => void>;
  send(located: Located, payload: Payload): Promise<void>;
};

const againMs = 200;

/**
 * Resolves when the value is where it was asked to be.
 *
 * @throws {UnschedulableError} when no worker could take it in time
 */
export async function scatter(
  host: ScatterHost,
  key: string,
  payload: Payload,
  options: Required<Pick<ScatterOptions, "timeoutMs">> & ScatterOptions,
): Promise<void> {
  const { workers, broadcast = false, timeoutMs } = options;
  const bytes = payloadBytes(payload);
  const isSmall = bytes <= host.smallResultBytes && !workers && !broadcast;
  const message = {
    type: "scatter" as const,
    key,
    bytes,
    ...(isSmall && { value: payload }),
    ...(workers && { workers: [...workers] }),
    ...(broadcast && { broadcast }),
  };
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const problem = await attempt(host, message, payload).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    if (problem === undefined) return;
    const isPassing = problem instanceof UnschedulableError || problem instanceof SendError;
    if (!isPassing) throw problem;
    if (performance.now() + againMs > deadline) {
      throw new UnschedulableError(`${problem.message} (after ${timeoutMs} ms)`, {
        cause: problem,
        key,
      });
    }
    await delay(againMs);
  }
}

class SendError extends Error {}

async function attempt(
  host: ScatterHost,
  message: Omit<Extract<FromClient, { type: "scatter" }>, "id">,
  payload: Payload,
): Promise<void> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  host.scattering.set(message.key, (located) => {
    host.send(located, payload).catch((error: unknown) => {
      reject(new SendError(`the value could not be sent: ${(error as Error).message}`));
    });
  });
  try {
    await Promise.race([host.question((id) => ({ ...message, id })), failed]);
  } finally {
    host.scattering.delete(message.key);
  }
}
