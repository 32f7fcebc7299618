// What goes wrong in a simulation, and when: made up from the seed as it happens. Whatever breaks is
// mended after a while, except for clients that are gone.

import type { Random } from "../processes/random.ts";
import { clientGraces } from "./cluster.ts";
import type { Cluster, SimulatedClient, SimulatedWorker } from "./cluster.ts";
import type { Book, Execution } from "./functions.ts";
import type { SimulatedJournal } from "./journal.ts";
import type { Direction, Route } from "./network.ts";
import { threadScopes, withoutModules } from "./threads.ts";
import type { Scope, VirtualTime } from "./virtual-time.ts";

export type FaultsOptions = {
  time: VirtualTime;
  cluster: Cluster;
  book: Book;
  graceMs: number;
  /** Until when things go wrong. */
  untilMs: number;
  /** The scheduler has one, and its deaths are no more than pauses. */
  journal?: SimulatedJournal | undefined;
  /** The memory of the scheduler is used up now and then. */
  fillsMemory: boolean;
  say: (what: string) => void;
};

/** As a part of the grace: who was away for no longer in all is never given up. */
export const shortAway = 0.2;

/** Longer than a thread is waited for that runs nothing and does not answer. */
const longestHoldMs = 12_000;

/** So long after a disk was emptied the scheduler may not have seen it yet, in milliseconds. */
const slowestLookMs = 5_000;

type Kind =
  | "cut"
  | "silence"
  | "freeze"
  | "crash"
  | "stop"
  | "thread"
  | "gone"
  | "close"
  | "disk"
  | "modules"
  | "add"
  | "restart"
  | "resume"
  | "full"
  | "memory"
  | "failing"
  | "outage"
  | "wedge";

export class Faults {
  readonly #options: FaultsOptions;
  readonly #random: Random;
  readonly #kinds: Kind[];
  /** How long each client was out of reach, in all: past the grace its session may be over. */
  readonly awayMs = new Map<string, number>();
  /** How long each client stood still with its link whole, which alone costs it nothing. */
  readonly busyMs = new Map<string, number>();
  schedulerRestarted = false;
  /** It was gone for a while, and went on from its journal. */
  schedulerPaused = false;
  /** The disk of its journal is full now and then. */
  readonly fillsDisk: boolean = false;
  /** The memory of the scheduler is used up now and then. */
  readonly fillsMemory: boolean;
  /** Until when the scheduler may have refused what was new. */
  #refusedUntil = -Infinity;
  /** Clients that ended of their own will. */
  readonly closed = new Set<string>();
  /** Something happened after which tasks may rightly run once more. */
  mayRunAgain = false;
  /** Something happened after which values that cannot be made again may be gone. */
  mayLoseData = false;
  /** How often something happened. */
  struck = 0;
  /** How often a worker died, or could not be reached. */
  workersBroken = 0;
  /** How often a thread died for no reason of its tasks'. */
  threadsBroken = 0;
  #over = false;
  /** How to mend what is broken now. */
  readonly #mends = new Set<() => void>();

  constructor(options: FaultsOptions) {
    this.#options = options;
    this.#random = options.time.random;
    threadScopes.clear();
    const random = this.#random;
    const often: Kind[] = [
      "cut",
      "silence",
      "freeze",
      "crash",
      "stop",
      "thread",
      "disk",
      "modules",
      "wedge",
    ];
    const seldom: Kind[] = ["gone", "close", "add", "outage"];
    this.#kinds = often.filter(() => random.chance(0.5));
    this.#kinds.push(...seldom.filter(() => random.chance(0.25)));
    if (random.chance(0.06)) this.#kinds.push("restart");
    if (random.chance(0.1)) this.#kinds.length = 0;
    const { journal, fillsMemory } = options;
    this.fillsMemory = fillsMemory;
    if (fillsMemory) this.#kinds.push("memory", "memory", "memory");
    if (journal === undefined) return;
    this.#kinds = this.#kinds.filter((kind) => kind !== "restart");
    this.#kinds.push("resume", "resume", "resume");
    this.fillsDisk = random.chance(0.4);
    if (this.fillsDisk) this.#kinds.push("full", "full", "full");
    if (random.chance(0.2)) this.#kinds.push("failing");
    options.cluster.onJournalFailed = ({ message }) => this.#die(message);
  }

  start(): void {
    const { time, untilMs } = this.#options;
    if (this.#kinds.length === 0) return;
    const count = 1 + this.#random.below(8);
    for (let index = 0; index < count; index += 1) {
      time.after(this.#random.next() * (untilMs - time.now), () => this.#strike(), time.root);
    }
  }

  /** From here on nothing is broken. */
  mendAll(): void {
    this.#over = true;
    for (const mend of [...this.#mends]) mend();
  }

  get nothingIsBroken(): boolean {
    return this.#mends.size === 0;
  }

  #strike(): void {
    if (this.#over) return;
    const { cluster, book, say, time } = this.#options;
    this.struck += 1;
    const random = this.#random;
    const kind = random.pick(this.#kinds);
    if (["crash", "stop", "restart"].includes(kind)) this.mayRunAgain = true;
    if (["crash", "stop"].includes(kind)) this.mayLoseData = true;
    const workers = cluster.workers.filter(({ scope }) => !scope.dead);
    const clients = cluster.clients.filter(({ scope }) => !scope.dead);
    const peers = [...workers, ...clients];
    switch (kind) {
      case "cut":
      case "silence":
        if (peers.length > 0) this.#breakRoute(kind, random.pick(peers));
        break;
      case "freeze": {
        const scopes = [...peers.map(({ scope }) => scope), cluster.scheduler];
        this.#freeze(random.pick(scopes));
        break;
      }
      case "crash":
        if (workers.length === 0) break;
        this.workersBroken += 1;
        this.#crash(random.pick(workers));
        break;
      case "stop": {
        const worker = workers.length > 0 ? random.pick(workers) : undefined;
        if (worker?.running === undefined) break;
        say(`${worker.shape.name} is asked to leave`);
        const { running, scope } = worker;
        time.after(0, () => void running.stop("asked to"), scope);
        break;
      }
      case "thread": {
        const executing = [...book.executing].filter(({ scope }) => !scope.dead);
        if (executing.length === 0) break;
        this.#endThread(random.pick(executing));
        break;
      }
      case "gone": {
        // One stays, to see how it ends.
        if (clients.length < 2) break;
        const client = random.pick(clients);
        const noticed = random.chance(0.5);
        say(`${client.scope.name} is gone for good${noticed ? "" : ", without a word"}`);
        cluster.crashClient(client, { noticed });
        break;
      }
      case "disk": {
        if (workers.length === 0) break;
        const { disk, shape } = random.pick(workers);
        const ms = this.#duration();
        say(`the disk of ${shape.name} is full for ${ms.toFixed(0)} ms`);
        disk.isFull = true;
        this.#mendAfter(ms, () => (disk.isFull = false));
        break;
      }
      case "modules": {
        if (workers.length === 0) break;
        const { scope, shape } = random.pick(workers);
        const ms = this.#duration();
        say(`the modules of ${shape.name} are away for ${ms.toFixed(0)} ms`);
        withoutModules.add(scope);
        // What they had not loaded yet is away too.
        const isNeeded = random.chance(0.5);
        for (const each of isNeeded ? [...book.executing] : []) {
          if (each.scope.process === scope && !each.scope.dead) this.#endThread(each);
        }
        this.#mendAfter(ms, () => withoutModules.delete(scope));
        break;
      }
      case "close": {
        if (clients.length < 2) break;
        const { scope, client } = random.pick(clients);
        if (client === undefined) break;
        say(`${scope.name} closes`);
        this.closed.add(scope.name);
        time.after(0, () => void client.close().then(() => scope.kill()), scope);
        break;
      }
      case "add": {
        const name = `added-${cluster.workers.length}`;
        say(`${name} joins`);
        cluster.startWorker({
          name,
          threads: 1,
          concurrency: 1,
          resources: { gpu: 2 },
          memoryBytes: 10_000,
        });
        break;
      }
      case "resume":
        this.#die("it is killed");
        break;
      case "outage": {
        // Past the grace of every peer, and within the time that workers look for their scheduler.
        const ms = this.#options.graceMs * (clientGraces + 1 + 2 * random.next());
        if (peers.length === 0 || random.chance(0.5)) this.#freeze(cluster.scheduler, ms);
        else this.#breakRoute("silence", random.pick(peers), ms);
        break;
      }
      case "wedge":
        this.#holdUp();
        break;
      case "full":
        this.#fillDisk(this.#options.journal!);
        break;
      case "memory":
        this.#exhaustMemory();
        break;
      case "failing": {
        if (cluster.scheduler.dead) break;
        const journal = this.#options.journal!;
        journal.failing = journal.durability === "machine" && random.chance(0.7) ? "sync" : "write";
        say(`the next ${journal.failing} of the journal fails`);
        this.#mendAfter(this.#duration(), () => (journal.failing = undefined));
        break;
      }
      case "restart":
        say("the scheduler dies, and another takes its place");
        this.schedulerRestarted = true;
        cluster.restartScheduler();
        break;
    }
  }

  #die(why: string): void {
    const { cluster, say } = this.#options;
    if (cluster.scheduler.dead) return;
    this.schedulerPaused = true;
    const ms = this.#duration();
    say(`the scheduler dies, and goes on from its journal after ${ms.toFixed(0)} ms: ${why}`);
    cluster.crashScheduler();
    this.#mendAfter(ms, () => {
      say("the scheduler goes on from its journal");
      cluster.resumeScheduler();
    });
  }

  #fillDisk(journal: SimulatedJournal): void {
    const { cluster, say, time } = this.#options;
    const ms = this.#duration();
    const room = Math.floor(this.#random.next() ** 3 * 6_000);
    say(`the disk of the journal has room for ${room} bytes for ${ms.toFixed(0)} ms`);
    journal.fill(room);
    this.#refusedUntil = Infinity;
    // Who loses its link meanwhile may not be heard before there is room.
    this.schedulerPaused = true;
    for (const { scope } of [...cluster.clients, ...cluster.workers]) {
      this.#addAway(scope, ms + slowestLookMs);
    }
    this.#mendAfter(ms, () => {
      say("the disk of the journal has room");
      journal.empty();
      this.#refusedUntil = time.now + slowestLookMs;
    });
  }

  #exhaustMemory(): void {
    const { cluster, say, time } = this.#options;
    const ms = this.#duration();
    say(`the memory of the scheduler is used up for ${ms.toFixed(0)} ms`);
    this.#refusedUntil = Infinity;
    // Results that come meanwhile are not kept, but for tiny ones.
    this.mayRunAgain = true;
    cluster.tellMemory(true);
    this.#mendAfter(ms, () => {
      say("the scheduler has memory");
      cluster.tellMemory(false);
      this.#refusedUntil = time.now + slowestLookMs;
    });
  }

  /** Whether what was submitted, or asked for, at a moment may have been refused. */
  mayBeRefused(at: number): boolean {
    return (this.fillsDisk || this.fillsMemory) && at <= this.#refusedUntil;
  }

  #breakRoute(
    kind: "cut" | "silence",
    { route, scope }: SimulatedWorker | SimulatedClient,
    ms = this.#duration(),
  ): void {
    const { cluster, say } = this.#options;
    const random = this.#random;
    if (kind === "cut") {
      const unnoticedBy = (["near", "far"] as const).filter(() => random.chance(0.3));
      const how =
        unnoticedBy.length > 0 ? ` unnoticed by its ${unnoticedBy.join(" and ")} end` : "";
      say(`the link of ${route.name} is cut${how} for ${ms.toFixed(0)} ms`);
      cluster.network.cut(route, unnoticedBy);
    } else {
      const both: Direction[] = ["out", "in"];
      const directions = random.chance(0.4) ? both : [random.pick(both)];
      say(`the link of ${route.name} is silent (${directions.join(", ")}) for ${ms.toFixed(0)} ms`);
      cluster.network.silence(route, directions);
    }
    this.#addAway(scope, ms);
    this.#mendAfter(ms, () => this.#heal(route));
  }

  #heal(route: Route): void {
    this.#options.say(`the link of ${route.name} is whole again`);
    this.#options.cluster.network.heal(route);
  }

  #freeze(scope: Scope, forMs = this.#duration()): void {
    const { say, time, cluster } = this.#options;
    if (scope.frozen !== undefined) return;
    const isClient = cluster.clients.some((client) => client.scope === scope);
    // A client that is busy for longer than what is cut off is waited for is not given up.
    const ms = forMs * (isClient ? clientGraces - 1 : 1);
    say(`${scope.name} stands still for ${ms.toFixed(0)} ms`);
    scope.freeze();
    if (scope === cluster.scheduler) {
      for (const { scope: peer } of [...cluster.clients, ...cluster.workers]) {
        this.#addAway(peer, ms);
      }
    } else if (isClient) {
      this.busyMs.set(scope.name, (this.busyMs.get(scope.name) ?? 0) + ms);
    } else this.#addAway(scope, ms);
    const goOn = () => {
      if (!scope.dead) say(`${scope.name} goes on`);
      time.thaw(scope);
    };
    // What a client computes takes its time, whatever is mended meanwhile.
    if (isClient) time.after(ms, goOn, time.root);
    else this.#mendAfter(ms, goOn);
  }

  /** What a finished task has left behind holds up a thread on which nothing runs. */
  #holdUp(): void {
    const { book, say, time } = this.#options;
    const busy = new Set([...book.executing].map(({ scope }) => scope));
    const idle = [...threadScopes].filter(
      (scope) => !scope.dead && scope.frozen === undefined && !busy.has(scope),
    );
    if (idle.length === 0) return;
    const scope = this.#random.pick(idle);
    const ms = this.#random.next() * longestHoldMs;
    say(`${scope.name} is held up for ${ms.toFixed(0)} ms`);
    scope.freeze();
    // Whatever is mended meanwhile: tasks do not wait for it.
    time.after(ms, () => time.thaw(scope), time.root);
  }

  #endThread({ scope, id }: Execution): void {
    this.#options.say(`${scope.name} dies while it runs task ${id}`);
    this.mayRunAgain = true;
    this.threadsBroken += 1;
    scope.thread?.die();
  }

  /** A task takes its worker down: none of the others there is to blame. */
  killedByTask(process: Scope): void {
    const worker = this.#options.cluster.workers.find(({ scope }) => scope === process);
    if (worker === undefined || process.dead) return;
    this.struck += 1;
    this.mayRunAgain = this.mayLoseData = true;
    this.#crash(worker, " of a task");
  }

  #crash(worker: SimulatedWorker, why = ""): void {
    const { cluster, say } = this.#options;
    const noticed = this.#random.chance(0.6);
    const ms = this.#duration();
    say(
      `${worker.shape.name} dies${why}${noticed ? "" : " without a word"}, and is started again after ${ms.toFixed(0)} ms`,
    );
    cluster.crashWorker(worker, { noticed });
    this.#mendAfter(ms, () => {
      say(`${worker.shape.name} is started again`);
      cluster.launch(worker);
    });
  }

  /** Whether the scheduler may have given a client or a worker up. */
  mayBeLost(name: string): boolean {
    const { graceMs } = this.#options;
    const away = this.awayMs.get(name) ?? 0;
    const busy = this.busyMs.get(name) ?? 0;
    if (away === 0) return busy > (clientGraces - 1) * graceMs;
    return away + busy > graceMs * shortAway;
  }

  #addAway(scope: Scope, ms: number): void {
    if (!scope.name.startsWith("client")) this.workersBroken += 1;
    const awayMs = (this.awayMs.get(scope.name) ?? 0) + ms;
    this.awayMs.set(scope.name, awayMs);
    // What is away for no longer has its grace, whatever it takes to notice.
    if (awayMs > this.#options.graceMs * shortAway) this.mayRunAgain = this.mayLoseData = true;
  }

  #mendAfter(ms: number, mend: () => void): void {
    const { time } = this.#options;
    const once = () => {
      if (this.#mends.delete(once)) mend();
    };
    this.#mends.add(once);
    time.after(ms, once, time.root);
  }

  /** Mostly short, and sometimes past the grace period. */
  #duration(): number {
    const { graceMs } = this.#options;
    return this.#random.chance(0.8)
      ? this.#random.next() ** 2 * graceMs * 0.6
      : graceMs * (0.5 + this.#random.next());
  }
}
