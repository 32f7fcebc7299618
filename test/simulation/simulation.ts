// One simulation: a cluster, a workload and faults made up from a seed, run to the end on virtual time
// and judged. The same seed gives the same run, to the last frame.

import { onVirtualTime } from "./platform.ts";
import { Cluster, type SimulatedClient } from "./cluster.ts";
import { cleanUp, shutDown, type Ending } from "./ending.ts";
import { Faults } from "./faults.ts";
import { Book, mix, openBook } from "./functions.ts";
import { SimulatedJournal } from "./journal.ts";
import { Random } from "../processes/random.ts";
import type { Durability } from "../../scheduler/journal/durability.ts";
import { Stage } from "./strands/stage.ts";
import { startStrands } from "./strands/strands.ts";
import { possibleOutcomes, modelValues, outcomeOf, resolve } from "./verdict.ts";
import { VirtualTime } from "./virtual-time.ts";
import { makeWorkload, type PlannedAction, type PlannedTask, type Workload } from "./workload.ts";
import type { Stepped } from "../../scheduler/clockwork.ts";
import type { Future } from "../../client/future.ts";
import { explain } from "../../scheduler/core/tasks/explain.ts";
import type { Explanation } from "../../src/wire/facts.ts";

export type Outcome = {
  readonly seed: number;
  /** Of every frame that arrived, when, where and how long; of every fault and every outcome. */
  readonly hash: number;
  /** What is wrong, if anything is. */
  readonly problems: readonly string[];
  /** Everything that was done to the cluster, with its moment. */
  readonly story: readonly string[];
  readonly tasks: number;
  readonly virtualMs: number;
  readonly turns: number;
  readonly faults: number;
};

export type SimulationOptions = {
  /** Hears the story as it happens. */
  tell?: (line: string) => void;
  /** The logs of all processes belong to the story. */
  withLogs?: boolean;
  /** The scheduler has a journal, and dies now and then. Default: it has none. */
  journal?: Durability | undefined;
  /** Hears of every step of the scheduler's core. */
  stepped?: Stepped;
};

/** Long enough for everything to come to its end once nothing is broken any more. */
const patienceMs = 240_000;

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const time = new VirtualTime(seed);
  return onVirtualTime(time, () => new Simulation(seed, time, options).run());
}

class Simulation {
  readonly #seed: number;
  readonly #time: VirtualTime;
  readonly #options: SimulationOptions;
  readonly #book = new Book();
  readonly #cluster: Cluster;
  readonly #workload: Workload;
  readonly #faults: Faults;
  readonly #stage: Stage;
  readonly #futures = new Map<number, Future>();
  readonly #keys = new Map<string, number>();
  /** How each future stood when it first settled. */
  readonly #first = new Map<number, string>();
  readonly #cancelled = new Set<number>();
  readonly #released = new Set<number>();
  readonly #retried = new Set<number>();
  readonly #submittedAt = new Map<number, number>();
  readonly #problems: string[] = [];
  readonly #story: string[] = [];
  readonly #keyParts: string[] = [];
  /** What each client has still to do. */
  readonly #todo: (readonly unknown[])[] = [];
  #struck = 0;
  #hash = 0;
  readonly #graceMs: number;

  constructor(seed: number, time: VirtualTime, options: SimulationOptions) {
    this.#seed = seed;
    this.#time = time;
    this.#options = options;
    openBook(this.#book);
    const { random } = time;
    this.#graceMs = 1_000 + random.below(3_000);
    const slowest = random.pick([1, 1, 20, 200]);
    const journal =
      options.journal &&
      new SimulatedJournal({ durability: options.journal, time, random: new Random(seed) });
    this.#cluster = new Cluster({
      time,
      graceMs: this.#graceMs,
      // Four beats pass before silence is noticed: well within the grace, as in real life.
      heartbeatMs: this.#graceMs / random.pick([8, 12]),
      journal,
      smallResultBytes: random.pick([100, 100, 1_000, 64 * 1024]),
      latencyMs: () => 0.05 + random.next() ** 3 * slowest,
      heard: ({ name }, direction, length) => {
        const place = name.length + name.charCodeAt(name.length - 1);
        this.#note(Math.round(time.now * 1e3), direction === "in" ? place : -place, length);
      },
      ...(options.stepped && { stepped: options.stepped }),
      log: (who, level, text) => {
        // Until they have ended, what it ran in an earlier session goes on beside what is new.
        if (text.includes("it starts anew")) {
          this.#book.capacity.delete(who);
          this.#book.limits.clear();
        }
        // A task does not end when it is asked to, as one of a schedule that is long: neighbours lose the thread.
        if (text.includes("its thread is replaced")) this.#faults.mayRunAgain = true;
        if (options.withLogs) this.#tell(`${who} ${level}: ${text}`);
      },
      // No outage is the end of a worker, neither of the scheduler nor of its modules.
      failed: (who, { name, message }) => {
        this.#problems.push(`${who} ended: ${name}: ${message}`);
      },
    });
    const spanMs = random.pick([50, 500, 3_000]);
    const names = random.several(1, 4, () => "").map((_, index) => `worker-${index}`);
    for (const name of names) {
      const shape = {
        name,
        threads: 1 + random.below(3),
        concurrency: random.chance(0.2) ? 2 : 1,
        resources: { gpu: 2 + random.below(2) },
        memoryBytes: random.chance(0.5) ? 2 ** 30 : 5_000 + random.below(40_000),
      };
      this.#book.capacity.set(name, shape.resources.gpu);
      const startMs = random.chance(0.7) ? 0 : random.next() * spanMs;
      time.after(startMs, () => this.#cluster.startWorker(shape), time.root);
    }
    const clients = 1 + random.below(3);
    for (let index = 0; index < clients; index += 1) this.#cluster.startClient(`client-${index}`);
    this.#workload = makeWorkload(random, { clients, workers: names, spanMs });
    for (const { id, name, options: own } of this.#workload.tasks) {
      // What waits for its sub-tasks lends what it has.
      const { limitName, maxRunning } = own;
      if (maxRunning !== undefined && name !== "spawns") {
        this.#book.limits.set(id, { name: limitName!, maxRunning });
      }
      if (own.resources && name !== "spawns") this.#book.uses.set(id, own.resources["gpu"]!);
    }
    this.#faults = new Faults({
      time,
      cluster: this.#cluster,
      book: this.#book,
      graceMs: this.#graceMs,
      untilMs: time.now + spanMs + 1_500,
      journal,
      fillsMemory: seed % 8 === 5,
      say: (what) => {
        this.#struck += 1;
        this.#note(Math.round(time.now * 1e3), what.length, 0);
        this.#tell(what);
      },
    });
    this.#stage = new Stage({
      time,
      cluster: this.#cluster,
      book: this.#book,
      faults: this.#faults,
      graceMs: this.#graceMs,
      spanMs,
      takesThreadsDown: this.#workload.tasks.some(
        (task) => isGuilty(task) || task.name === "hangs",
      ),
      problem: (what) => {
        // A process that is gone has no more to say.
        if (!time.scope.dead) this.#problems.push(what);
      },
      tell: (what) => this.#tell(what),
      futuresOf: (client) => this.#lastingFuturesOf(client),
      isRetried: () => this.#retried.size > 0,
    });
    this.#book.isSure = (scope) => this.#stage.isSure({ scope });
    this.#book.killWorker = (process) => this.#faults.killedByTask(process);
    startStrands(this.#stage);
  }

  async run(): Promise<Outcome> {
    try {
      await this.#live();
    } finally {
      this.#cluster.endCensus();
    }
    const { uncaught, now, turns } = this.#time;
    this.#problems.push(...this.#book.broken);
    for (const { scope, error } of uncaught) {
      this.#problems.push(`uncaught in ${scope}: ${(error as Error)?.stack ?? String(error)}`);
    }
    if (this.#cluster.broken) {
      this.#problems.unshift(`an invariant does not hold: ${this.#cluster.broken.stack}`);
    }
    return {
      seed: this.#seed,
      hash: this.#hash >>> 0,
      problems: this.#problems,
      story: this.#story,
      tasks: this.#workload.tasks.length,
      virtualMs: Math.round(now),
      turns,
      faults: this.#struck,
    };
  }

  async #live(): Promise<void> {
    const time = this.#time;
    this.#cluster.clients.forEach((client, index) => this.#drive(client, index));
    this.#faults.start();
    const { tasks, actions } = this.#workload;
    const lastAt = Math.max(...tasks.map(({ at }) => at), ...actions.map(({ at }) => at));
    await time.run(() => false, 1_000 + lastAt + 2_000);
    this.#tell("everything is mended");
    this.#faults.mendAll();
    this.#endEndless();
    let looks = 0;
    const isOver = () => {
      // Not at every turn: there are many.
      if ((looks += 1) % 20 !== 0) return false;
      this.#endEndless();
      return this.#isOver();
    };
    if (!(await time.run(isOver, time.now + patienceMs))) {
      this.#reportStuck();
      return;
    }
    await this.#judge();
    if (this.#problems.length > 0) return;
    await this.#letGo();
    if (this.#problems.length > 0) return;
    await shutDown(this.#ending);
  }

  // ── What the clients do ────────────────────────────────────────────────────────────────────────

  /** Does what is planned for a client, in order, once it is connected. */
  #drive(client: SimulatedClient, index: number): void {
    const { tasks, actions } = this.#workload;
    const isOwn = (item: { client: number }) => item.client === index;
    const todo: (PlannedTask | PlannedAction)[] = [
      ...tasks.filter(isOwn),
      ...actions.filter(isOwn),
    ].sort((a, b) => a.at - b.at);
    this.#todo.push(todo);
    const start = this.#time.now;
    const go = () => {
      while (client.client !== undefined && todo.length > 0) {
        if (todo[0]!.at > this.#time.now - start) break;
        const next = todo.shift()!;
        if ("what" in next) this.#act(client, next);
        else this.#submit(client, next);
      }
      if (todo.length === 0) return;
      const waitMs = Math.max(todo[0]!.at - (this.#time.now - start), 0);
      this.#time.after(client.client === undefined ? 20 : waitMs, go, client.scope);
    };
    this.#time.after(0, go, client.scope);
  }

  #submit({ client }: SimulatedClient, task: PlannedTask): void {
    const { id, name, parts, rest, options, inputs } = task;
    const isThere = (input: number) => {
      const isOwn = this.#workload.tasks[input]!.client === task.client;
      const found = this.#futures.get(input);
      return found !== undefined && (isOwn || found.status === "finished");
    };
    if (!inputs.every(isThere)) return;
    const handles: unknown[] = [];
    for (const input of inputs) handles[input] = this.#futures.get(input);
    let future: Future;
    try {
      future = client!.with(options).submit(name, id, resolve(parts, handles), ...rest);
    } catch (error) {
      // What it would have depended on is gone by its client's own doing, or the client is.
      const accounted =
        inputs.some((input) => this.#isLetGo(input) || this.#mayFail(input)) ||
        this.#mayBeLost(task.client) ||
        this.#stage.restarted;
      if (!accounted) this.#problems.push(`task ${id} was refused: ${String(error)}`);
      return;
    }
    this.#futures.set(id, future);
    this.#submittedAt.set(id, this.#time.now);
    const { random } = this.#time;
    if (random.chance(0.1)) this.#waitBriefly(id, future, random.next() * 200);
    this.#keys.set(future.key, id);
    if (!this.#willBeReleased(id)) {
      void future.exception().then(() => this.#first.set(id, future.status));
    }
  }

  #willBeReleased(id: number): boolean {
    return this.#workload.actions.some(({ task, what }) => task === id && what === "release");
  }

  #lastingFuturesOf(client: SimulatedClient): Future[] {
    const index = this.#cluster.clients.indexOf(client);
    return [...this.#futures].flatMap(([id, future]) =>
      this.#workload.tasks[id]!.client === index && !this.#willBeReleased(id) ? [future] : [],
    );
  }

  /** Giving up to wait changes nothing about a task. */
  #waitBriefly(id: number, future: Future, timeoutMs: number): void {
    const standsStill = (error: Error & { code?: string }) => {
      if (error.code === "timeout" && future.done) {
        this.#problems.push(`waiting for task ${id} ran out though it had settled`);
      } else if (error.code !== "timeout" && !future.done) {
        this.#problems.push(`waiting for task ${id} ended with ${String(error)}`);
      }
    };
    void future.exception({ timeoutMs }).then(() => undefined, standsStill);
  }

  #act({ client }: SimulatedClient, { what, task }: PlannedAction): void {
    const future = this.#futures.get(task);
    if (future === undefined || this.#released.has(task)) return;
    try {
      if (what === "release") {
        this.#released.add(task);
        future.release();
      } else if (what === "detach") client!.fireAndForget(future);
      else if (what === "retry") {
        if (future.status !== "error") return;
        this.#retried.add(task);
        future.retry();
        void future.exception().then(() => undefined);
      } else this.#cancel(task, future, what === "force");
    } catch (error) {
      const index = this.#workload.tasks[task]!.client;
      // The scheduler does not know it.
      const isRefused = what === "retry" && this.#mayBeRefused(task);
      if (!isRefused && !this.#mayBeLost(index) && !this.#stage.restarted) {
        this.#problems.push(`${what} of task ${task} failed: ${String(error)}`);
      }
    }
  }

  #cancel(id: number, future: Future, force: boolean): void {
    if (future.done) return;
    this.#cancelled.add(id);
    const { client } = this.#cluster.clients[this.#workload.tasks[id]!.client]!;
    client!.cancel(future, { reason: "planned", force });
    if (future.status !== "cancelled") {
      this.#problems.push(`task ${id} is ${future.status} right after it was cancelled`);
    }
  }

  /** What nothing but its client can end is ended. */
  #endEndless(): void {
    for (const id of this.#futures.keys()) {
      const { name, options, client } = this.#workload.tasks[id]!;
      const isEndless = name === "obeys" || (name === "hangs" && options.timeoutMs === undefined);
      if (!isEndless || this.#released.has(id)) continue;
      const { scope } = this.#cluster.clients[client]!;
      if (scope.dead || scope.frozen) continue;
      this.#time.within(scope, () => {
        this.#act(this.#cluster.clients[client]!, { at: 0, client, what: "cancel", task: id });
      });
    }
  }

  // ── How it ended ───────────────────────────────────────────────────────────────────────────────

  /** The tasks whose clients are there to see how they end. */
  #watched(): [id: number, future: Future][] {
    return [...this.#futures].filter(([id]) => {
      const { scope } = this.#cluster.clients[this.#workload.tasks[id]!.client]!;
      const isThere = !scope.dead && !this.#faults.closed.has(scope.name);
      return isThere && !this.#released.has(id);
    });
  }

  #isOver(): boolean {
    if (this.#problems.length > 0 || this.#cluster.broken) return true;
    for (const [index, { scope }] of this.#cluster.clients.entries()) {
      if (!scope.dead && (this.#todo[index]?.length ?? 0) > 0) return false;
    }
    for (const [id, future] of this.#futures) {
      if (future.done || this.#released.has(id)) continue;
      if (!this.#cluster.clients[this.#workload.tasks[id]!.client]!.scope.dead) return false;
    }
    return this.#stage.stuck().length === 0;
  }

  #mayBeLost(client: number): boolean {
    return this.#stage.mayBeLost(`client-${client}`);
  }

  #mayBeRefused(id: number): boolean {
    return this.#faults.mayBeRefused(this.#submittedAt.get(id)!);
  }

  /** Whether its future was released, or ended with its client. */
  #isLetGo(id: number): boolean {
    const { client } = this.#workload.tasks[id]!;
    return this.#released.has(id) || this.#cluster.clients[client]!.scope.dead;
  }

  /** Whether an input may have been cancelled or lost when its dependent was submitted. */
  #mayFail(id: number): boolean {
    const { inputs, client } = this.#workload.tasks[id]!;
    if (this.#cancelled.has(id) || this.#mayBeLost(client)) return true;
    return inputs.some((input) => this.#mayFail(input));
  }

  #reportStuck(): void {
    this.#problems.push(...this.#stage.stuck());
    const stuck = this.#watched().filter(([, future]) => !future.done);
    for (const [id, { key }] of stuck.slice(0, 5)) {
      const task = this.#cluster.state?.tasks.get(key);
      const where = task === undefined ? "not known to the scheduler" : this.#why(key);
      const { name, options } = this.#workload.tasks[id]!;
      const what = `${name} ${JSON.stringify(options)}`;
      this.#problems.push(`task ${id} (${what}) has not settled; it is ${where}`);
    }
  }

  /** Why a task is where it is, in the words of the scheduler. */
  #why(key: string): string {
    const view = { state: this.#cluster.state!, now: this.#time.now };
    const { why } = explain(view, key) as Explanation;
    return why;
  }

  async #judge(): Promise<void> {
    const { tasks } = this.#workload;
    const values = modelValues(tasks);
    const possible = possibleOutcomes({
      tasks,
      mostLosses: (id) => {
        const { workersBroken, threadsBroken } = this.#faults;
        // What others do that share its thread or its worker is none of its losses.
        const own = isGuilty(tasks[id]!) ? (this.#book.begun.get(id) ?? 0) : 0;
        return own + workersBroken + threadsBroken;
      },
      cancelled: this.#cancelled,
      mayBeLost: (client) => this.#mayBeLost(client),
      mayLetGo: (id) => this.#isLetGo(id) || this.#mayBeLost(tasks[id]!.client),
      mayBeRefused: (id) => this.#mayBeRefused(id),
      mayBeRestarted: (id) => this.#submittedAt.get(id)! <= this.#stage.restartedUntil,
      maxWorkerLosses: 3,
      leastMemoryBytes: Math.min(...this.#cluster.workers.map(({ shape }) => shape.memoryBytes)),
    });
    this.#checkTimesRun();
    this.#checkAtMostOnce();
    const taskOf = (key: string) => this.#keys.get(key);
    const watched = this.#watched();
    let open = watched.length;
    for (const [id, future] of watched) {
      const settle = (settled: { value: unknown } | { error: unknown }) => {
        open -= 1;
        const outcome = outcomeOf(settled, values[id], taskOf);
        this.#note(id, outcome.length, "value" in settled ? 1 : 0);
        if (!possible[id]!.has(outcome)) {
          const { name } = tasks[id]!;
          const allowed = [...possible[id]!].join(", ");
          this.#problems.push(`task ${id} (${name}) came to "${outcome}"; possible: ${allowed}`);
        }
        if (outcome === "overloaded" && this.#book.begun.has(id)) {
          this.#problems.push(`task ${id} ran though it was refused`);
        }
        const first = this.#first.get(id);
        // What is away with a worker may be lost, and be more than can be made again, or may be.
        const isLost = ["lost", "lost-data"].includes(outcome) || outcome.startsWith("worker-lost");
        const isSame = first === future.status || isLost || this.#stage.restarted;
        if (!isSame && this.#retried.size === 0) {
          this.#problems.push(`task ${id} settled as ${first}, and again as ${future.status}`);
        }
      };
      const { scope } = this.#cluster.clients[tasks[id]!.client]!;
      this.#time.within(scope, () => {
        future.result().then(
          (value) => settle({ value }),
          (error: unknown) => settle({ error }),
        );
      });
    }
    if (!(await this.#time.run(() => open === 0, this.#time.now + patienceMs))) {
      this.#problems.push(`${open} values did not come`);
    }
  }

  /** Unless something was lost, nothing runs again but what threw. */
  #checkTimesRun(): void {
    if (this.#stage.mayRunAgain || this.#retried.size > 0) return;
    for (const { id, name, rest } of this.#workload.tasks) {
      const most = name === "flaky" ? rest[1]! + 1 : 1;
      const times = this.#book.begun.get(id) ?? 0;
      if (times > most) this.#problems.push(`task ${id} (${name}) ran ${times} times`);
    }
  }

  /** Whatever happens, but for the retries of clients, which are for what the task needs, too. */
  #checkAtMostOnce(): void {
    const { tasks, actions } = this.#workload;
    const most = tasks.map(() => 1);
    for (const { what, task } of actions) {
      if (what !== "retry") continue;
      const needed = new Set([task]);
      for (const id of needed) for (const input of tasks[id]!.inputs) needed.add(input);
      for (const id of needed) most[id]!++;
    }
    for (const { id, name, options } of tasks) {
      const times = this.#book.begun.get(id) ?? 0;
      if (!options.atMostOnce || times <= most[id]!) continue;
      this.#problems.push(`task ${id} (${name}) began ${times} times, and ${most[id]!} may be`);
    }
  }

  async #letGo(): Promise<void> {
    for (const [id, future] of this.#futures) {
      const { scope } = this.#cluster.clients[this.#workload.tasks[id]!.client]!;
      if (!scope.dead) this.#time.within(scope, () => future.release());
    }
    this.#stage.letGo();
    await cleanUp(this.#ending, this.#stage.cleanings);
    for (const check of this.#stage.checks) check();
    let looks = 0;
    const isClean = () => (looks += 1) % 50 === 0 && this.#cluster.leaks().length === 0;
    await this.#time.run(isClean, this.#time.now + 60_000);
    for (const leak of this.#cluster.leaks()) this.#problems.push(`left behind: ${leak}`);
  }

  get #ending(): Ending {
    return {
      time: this.#time,
      cluster: this.#cluster,
      graceMs: this.#graceMs,
      patienceMs,
      problem: (what) => void this.#problems.push(what),
    };
  }

  #note(...numbers: number[]): void {
    for (const number of numbers) this.#hash = mix(this.#hash, number);
  }

  #tell(what: string): void {
    const line = `${this.#time.now.toFixed(2).padStart(10)} ms  ${this.#withoutChance(what)}`;
    this.#story.push(line);
    this.#options.tell?.(line);
  }

  /** The random part of a key, which the seed does not decide, is numbered in the order of first sight. */
  #withoutChance(what: string): string {
    return what.replaceAll(/(?<=-)[0-9A-Za-z]{10}(?=-[0-9a-z]+\b)/g, (part) => {
      if (!this.#keyParts.includes(part)) this.#keyParts.push(part);
      return `keys${this.#keyParts.indexOf(part)}`;
    });
  }
}

/** Whether a task takes down its thread or its worker, and what runs beside it. */
function isGuilty({ name }: PlannedTask): boolean {
  return name === "dies" || name === "kills";
}
