// What a client does to the cluster as a whole: a function on every worker, all of it over again.

import { UnknownTaskError } from "../src/errors/errors.ts";
import type { WorkerInfo } from "../src/facts.ts";
import { didYouMean } from "../src/nearest.ts";
import { limits } from "../src/wire/limits.ts";
import { encodeArguments, Future, heldStateOf } from "./future.ts";
import type { Session } from "./session.ts";
import { futuresIn } from "./shape.ts";
import { nameOf } from "./submitter.ts";
import { checkedNames, checkedReason } from "./option-checks.ts";
import type { ReferenceArguments, ReferenceResult, TaskReference, UntypedTasks } from "./types.ts";
import { Waiting } from "./waiting.ts";

export type RestartOptions = {
  /** For people: it is in the error of everybody who waits. Default: who asked for it. */
  reason?: string;
};

/** A worker that left while it was asked is waited for so long, in milliseconds. */
const goneAfterMs = 1_000;

export class Administration<Tasks = UntypedTasks> extends Waiting<Tasks> {
  readonly #session: Session;

  /** @internal */
  constructor(session: Session) {
    super(session);
    this.#session = session;
  }

  /**
   * Calls a function once on every worker that is here now, before anything else that waits there:
   * to warm up, to look around, to clean up. It takes its turn on one of the worker's threads, so
   * behind a task that fills the only one it waits. Workers that join later are not asked.
   *
   * @param task the registered name, or the function itself
   * @returns the results by worker name; none without workers
   * @throws {AggregateError} once all have ended, when it failed on some workers: `message` names
   *   them, `errors` has for each what its future failed with; a worker that is lost counts as failed
   * @throws {SerializationError | TypeError | ConnectionError} as `submit` does
   * @example await client.run("freeMemory"); // { "n1-0": 812, "n2-0": 640 }
   */
  async run<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...args: ReferenceArguments<Tasks, Reference>
  ): Promise<Record<string, ReferenceResult<Tasks, Reference>>> {
    const session = this.#session;
    const name = nameOf(task);
    const call = encodeArguments(args, session);
    const known = (await session.ask("workers")) as WorkerInfo[];
    const workers = known.filter(({ status }) => status !== "leaving");
    // Their handles must live until here, and may have been released meanwhile.
    for (const future of futuresIn(args)) heldStateOf(future);
    const futures = workers.map(({ id, functions }) => {
      if (!functions.includes(name)) return undefined;
      // By id: a name may be that of another worker's host, and may be had again by a newcomer.
      const options = {
        workers: [id],
        priority: limits.priorityMagnitude,
        maxWorkerLosses: 0,
        unschedulableTimeoutMs: goneAfterMs,
      };
      return new Future(session.submit(name, call, options));
    });
    const outcomes = await Promise.allSettled(
      futures.map(
        (future, index) => future?.result() ?? Promise.reject(unknownAt(workers[index]!, name)),
      ),
    );
    for (const future of futures) future?.release();
    return resultsOf(name, workers, outcomes) as never;
  }

  /**
   * Cancels every task of every client, with the reason in their futures' errors, lets go of all
   * results and of what is published, and has the workers end their threads, whatever they do, and
   * load their modules into new ones. Values that clients have received already stay theirs. Locks,
   * semaphores, events, queues and variables stay, too.
   *
   * @returns when every worker has ended its threads, or is gone
   * @example await client.restart({ reason: "new data" });
   */
  async restart(options: RestartOptions = {}): Promise<void> {
    const reason = checkedReason(checkedNames(options, ["reason"], "restart").reason);
    await this.#session.request(
      (id) => ({ type: "restart", id, ...(reason !== undefined && { reason }) }),
      () => undefined,
    );
  }
}

function unknownAt({ name: worker, functions }: WorkerInfo, name: string): UnknownTaskError {
  const hint = didYouMean(name, functions);
  return new UnknownTaskError(`worker ${worker} has no function "${name}".${hint}`, { task: name });
}

function resultsOf(
  name: string,
  workers: readonly WorkerInfo[],
  outcomes: readonly PromiseSettledResult<unknown>[],
): Record<string, unknown> {
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected"
      ? [{ worker: workers[index]!.name, error: outcome.reason as Error }]
      : [],
  );
  if (failed.length > 0) {
    const shown = failed.slice(0, 5).map(({ worker, error }) => `${worker}: ${error.message}`);
    const more = failed.length > 5 ? `; and ${failed.length - 5} more` : "";
    throw new AggregateError(
      failed.map(({ error }) => error),
      `"${name}" failed on ${failed.length} of ${workers.length} workers: ${shown.join("; ")}${more}`,
    );
  }
  return Object.fromEntries(
    outcomes.map((outcome, index) => [
      workers[index]!.name,
      (outcome as PromiseFulfilledResult<unknown>).value,
    ]),
  );
}
