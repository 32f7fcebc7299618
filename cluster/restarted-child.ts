// The processes of a cluster that belong to a program: a scheduler or a worker, which is restarted when
// it dies and ends with the program.

import { fork, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { extname } from "node:path";
import { childFlags } from "../src/child-flags.ts";
import { compileCacheVariables } from "../src/compile-cache.ts";
import { clearTimeout, setTimeout } from "../src/timers.ts";
import type { Predecessor } from "../src/wire/protocol.ts";
import { endProcesses } from "../worker/processes/end-processes.ts";
import { removeLeftovers } from "../worker/results/local-directory.ts";
import type { Order, Report } from "./local-child.ts";
import { processEnd, type ProcessEnd } from "./process-end.ts";
import { restartPauses } from "./restart-pauses.ts";

/** A process that has not ended so long after the drain, in milliseconds, is killed. */
const stopWithinMs = 4_000;

/**
 * A scheduler or a worker that is restarted when it dies. One that cannot start the first time is not
 * tried again; later the cause may pass, as an outage of what its modules are on does.
 */
export class RestartedChild {
  readonly #role: Order["role"];
  readonly #order: Promise<Order>;
  /** Marks the processes that the tasks of a worker start. */
  readonly #mark = randomUUID();
  readonly #stopped = new AbortController();
  #child: Child;
  /** Settles with the first process. */
  readonly ready: Promise<{ url?: string | undefined }>;
  /** Resolves when it has ended in good order, and so is not restarted. */
  readonly ended: Promise<void>;

  /** @param order the process is there, and loads its code, before the order is */
  constructor(role: Order["role"], order: Promise<Order>) {
    this.#role = role;
    this.#order = order.then((given) =>
      given.role === "worker" ? { ...given, mark: this.#mark } : given,
    );
    this.#child = new Child(role, this.#order);
    this.ready = this.#child.ready;
    this.ended = this.ready.then(({ url }) => this.#keep(url));
    this.ended.catch(() => undefined);
  }

  async #keep(url: string | undefined): Promise<void> {
    let order = await this.#order;
    if (order.role === "scheduler" && url !== undefined) {
      // The workers and the program find the next scheduler where the last one was.
      order = { ...order, port: Number(new URL(url).port) };
    }
    const { signal } = this.#stopped;
    const pause = restartPauses(signal);
    let predecessor: Predecessor | undefined;
    for (;;) {
      const { pid } = this.#child;
      const { code, how } = await this.#child.ended;
      // A worker that was killed could not end what its tasks had started.
      await endProcesses({ marks: [this.#mark] });
      // A worker exits with 0 when it was asked to leave, by `retireWorkers` say.
      if (signal.aborted || code === 0) return;
      await pause();
      if (signal.aborted) return;
      const wasReady = await this.#child.ready.then(
        () => true,
        () => false,
      );
      // The scheduler does not know a worker that died before it joined.
      if (wasReady) predecessor = { pid, how };
      this.#child = new Child(
        this.#role,
        Promise.resolve({ ...order, ...(predecessor && { predecessor }) }),
      );
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#child.stop();
    await endProcesses({ marks: [this.#mark] });
    const order = await this.#order.catch(() => undefined);
    // Of a worker that had to be killed.
    if (order?.role === "worker") {
      await removeLeftovers(order.localDirectory).catch(() => undefined);
    }
  }
}

class Child {
  readonly #process: ChildProcess;
  #drainMs = 0;
  readonly ended: Promise<ProcessEnd>;
  /** Resolves with the report of the process. */
  readonly ready: Promise<{ url?: string | undefined }>;

  constructor(role: Order["role"], order: Promise<Order>) {
    // In a checkout this runs a .ts file, in the published package a .js file.
    const entry = new URL(`./local-child${extname(import.meta.url)}`, import.meta.url);
    this.#process = fork(entry, {
      execArgv: childFlags(process.execArgv),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...compileCacheVariables() },
    });
    this.ended = processEnd(this.#process);
    this.ready = this.#start(role, order);
    // When several processes fail, one error is reported; the others must not end the program.
    this.ready.catch(() => undefined);
  }

  async #start(role: Order["role"], order: Promise<Order>): Promise<{ url?: string | undefined }> {
    const died = this.ended.then(({ how }) => {
      throw new Error(`the ${role} ended before it was ready: ${how}`);
    });
    const answered = once(this.#process, "message");
    const given = await Promise.race([order, died]);
    if (given.role === "worker") this.#drainMs = given.drainTimeoutMs;
    this.#process.send(given, () => undefined);
    const [report] = (await Promise.race([answered, died])) as [Report];
    if ("error" in report) throw new Error(report.error);
    return report;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const killing = setTimeout(() => this.#process.kill("SIGKILL"), this.#drainMs + stopWithinMs);
    await this.ended;
    clearTimeout(killing);
  }
}
