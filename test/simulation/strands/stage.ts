// What the strands of a simulation share: a strand is a small story of its own beside the graph of
// tasks, told by programs that run in the processes of clients and say what must come of each step.

import type { Client } from "../../../client/client.ts";
import type { Future } from "../../../client/future.ts";
import type { Random } from "../../processes/random.ts";
import type { Cluster, SimulatedClient } from "../cluster.ts";
import type { Faults } from "../faults.ts";
import { digest, type Book } from "../functions.ts";
import type { Scope, VirtualTime } from "../virtual-time.ts";

export type StageOptions = {
  time: VirtualTime;
  cluster: Cluster;
  book: Book;
  faults: Faults;
  graceMs: number;
  spanMs: number;
  /** Tasks of the graph take threads down, and what shares those with them. */
  takesThreadsDown: boolean;
  problem: (what: string) => void;
  tell: (what: string) => void;
  /** The futures of the graph that a client has, and will not release. */
  futuresOf: (client: SimulatedClient) => Future[];
  /** Some task of the graph was tried again after it had failed. */
  isRetried: () => boolean;
};

export type Failed = Error & { code?: string };

export type Program = {
  readonly client: SimulatedClient;
  readonly what: string;
  isOver: boolean;
};

export class Stage {
  readonly options: StageOptions;
  /** Those that were there from the beginning. */
  readonly clients: readonly SimulatedClient[];
  readonly #programs: Program[] = [];
  readonly #held: { future: Future; scope: Scope }[] = [];
  #ids = 1_000_000;
  /** Until when everything that is there may be cancelled by a client that restarts the cluster. */
  restartedUntil = -Infinity;
  /** What is to be done by a client of its own when all is over, since it would stay for ever. */
  readonly cleanings: ((client: Client) => Promise<void>)[] = [];
  /** What is to be looked at when all is over. */
  readonly checks: (() => void)[] = [];

  constructor(options: StageOptions) {
    this.options = options;
    this.clients = [...options.cluster.clients];
  }

  get random(): Random {
    return this.options.time.random;
  }

  get restarted(): boolean {
    return this.restartedUntil > -Infinity;
  }

  /** For a task that no other has. */
  newId(): number {
    return (this.#ids += 1);
  }

  /** The scheduler may have given it up: a client, or a worker. */
  mayBeLost(name: string): boolean {
    const { faults } = this.options;
    if (faults.closed.has(name)) return true;
    return faults.schedulerRestarted || faults.mayBeLost(name);
  }

  /** It is there, and the scheduler cannot but know it. */
  isSure({ scope }: { readonly scope: Scope }): boolean {
    return !scope.dead && !this.mayBeLost(scope.process.name);
  }

  /** Neither a client nor the scheduler was out of reach, or busy, so that others may have waited for it. */
  get isPrompt(): boolean {
    const { awayMs, busyMs, schedulerPaused } = this.options.faults;
    if (schedulerPaused) return false;
    return !this.clients.some(({ scope: { name } }) => awayMs.has(name) || busyMs.has(name));
  }

  /** Some task may rightly have run more than once. */
  get mayRunAgain(): boolean {
    const { faults, takesThreadsDown } = this.options;
    return faults.mayRunAgain || takesThreadsDown || this.restarted;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.options.time.after(ms, resolve));
  }

  /** Some time while the graph is submitted. */
  sleepABit(): Promise<void> {
    return this.sleep(this.random.next() * this.options.spanMs);
  }

  expect(isRight: boolean, what: string): void {
    if (!isRight) this.options.problem(what);
  }

  expectValue(value: unknown, expected: unknown, what: string): void {
    this.expect(digest(value) === digest(expected), `${what}: ${String(value)} is wrong`);
  }

  /** Runs in the client's process once that is connected; what it throws must be accounted for. */
  run(client: SimulatedClient, what: string, tell: (client: Client) => Promise<void>): Program {
    const { time, problem } = this.options;
    const program: Program = { client, what, isOver: false };
    this.#programs.push(program);
    const go = async () => {
      try {
        while (client.client === undefined) await this.sleep(20);
        await tell(client.client);
      } catch (error) {
        if (!this.isAccounted(error, client)) {
          const { name, code, message } = error as Failed;
          problem(`${what} of ${client.scope.name}: ${code ?? name}: ${message}`);
        }
      }
      program.isOver = true;
    };
    time.after(0, () => void go(), client.scope);
    return program;
  }

  /** Whether that program may still do something. */
  goesOn(program: Program): boolean {
    return !program.isOver && this.isSure(program.client);
  }

  /** Waits until this is so; false when that program will not bring it about any more. */
  async until(isSo: () => boolean, program: Program): Promise<boolean> {
    while (!isSo() && this.goesOn(program)) await this.sleep(50);
    return isSo();
  }

  /** Released at the end, whatever becomes of who has it; and no garbage before that. */
  hold<Held extends Future>(future: Held): Held {
    this.#held.push({ future, scope: this.options.time.scope });
    return future;
  }

  letGo(): void {
    const { time } = this.options;
    for (const { future, scope } of this.#held) {
      if (!scope.dead) time.within(scope, () => future.release());
    }
  }

  /** Something happened that explains how this failed. */
  isAccounted(error: unknown, client: SimulatedClient): boolean {
    const { code, cause } = error as Failed;
    // A future that cannot be sent, and why.
    if (code === "not-serializable") return this.isAccounted(cause ?? {}, client);
    const isLoss = error instanceof TypeError || code === "task-cancelled" || code === "lost-data";
    if (this.mayBeLost(client.scope.name)) return isLoss || code === "connection-failed";
    return this.restarted && isLoss;
  }

  /** What comes of it; for what is not accounted for by something that happened to this client. */
  async outcome(
    of: Promise<unknown>,
    client: SimulatedClient,
  ): Promise<{ value?: unknown; failed?: Failed }> {
    try {
      return { value: await of };
    } catch (error) {
      if (this.isAccounted(error, client)) throw error;
      return { failed: error as Failed };
    }
  }

  /** The code of what it fails with; undefined when it does not. */
  async failure(of: Promise<unknown>): Promise<string | undefined> {
    try {
      await of;
      return undefined;
    } catch (error) {
      const { code, name } = error as Failed;
      return code ?? name;
    }
  }

  /** It may have been executing, for all that the scheduler knew, when so many workers were lost. */
  isWornOut(): boolean {
    const { faults } = this.options;
    return faults.threadsBroken + faults.workersBroken >= 3;
  }

  /** The programs under way whose clients are there. */
  stuck(): string[] {
    const { faults } = this.options;
    const isThere = ({ scope }: SimulatedClient) => !scope.dead && !faults.closed.has(scope.name);
    return this.#programs.flatMap(({ client, what, isOver }) =>
      isOver || !isThere(client) ? [] : [`${what} of ${client.scope.name} did not end`],
    );
  }
}
