// A random graph of 20,000 tasks on real processes, while workers are killed, stopped, cut off and
// added, and the client's own link is cut: the answer is the one that a plain loop comes to.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { Client, Future } from "../../src/index.ts";
import type { Program } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import type { Scheduler } from "./daemons.ts";
import { node } from "./fixtures/graph-tasks.ts";
import { Proxy } from "./proxy.ts";
import { Random } from "./random.ts";

type Tasks = typeof import("./fixtures/graph-tasks.ts");

const module = path.join(import.meta.dirname, "fixtures", "graph-tasks.ts");
const seed = Number(process.env["THENCE_CHAOS_SEED"] ?? Date.now() % 2 ** 31);

const tasks = 20_000;
const waves = 4;
/** Short, so that who does not come back is given up while the test looks on. */
const graceMs = 2_000;

type Worker = { name: string; program: Program; proxy: Proxy };

/** What happens in each wave, one after the other. */
const faults = [
  ["kill", "cut the client", "stop for long"],
  ["cut for long", "add", "stop"],
  ["silence", "kill", "cut the client"],
  ["cut", "stop", "kill"],
] as const;
type Fault = (typeof faults)[number][number];

afterAll(cleanUp, patientMs);

test(
  "a graph of 20,000 tasks comes out right while workers die, stand still, are cut off and added",
  async () => {
    console.log(`THENCE_CHAOS_SEED=${seed}`);
    const random = new Random(seed);
    const scheduler = await startScheduler({ heartbeatMs: 300, core: { graceMs } });
    const clientProxy = await Proxy.to(scheduler.port);
    const crew = new Crew(scheduler, random, clientProxy);
    await Promise.all([crew.add(), crew.add(), crew.add()]);
    const client = await connect<Tasks>({ ...scheduler, url: clientProxy.url });

    const graph = new Graph(client, random);
    for (const wave of faults) {
      graph.grow(tasks / waves);
      const settled = client.wait(graph.futures);
      for (const fault of wave) {
        await crew.strike(fault);
        await sleep(100);
      }
      await settled;
    }
    expect(graph.futures).toHaveLength(tasks);
    expect(await client.gather(graph.futures)).toEqual(graph.expected);

    client.release(graph.all);
    const left = async () => (await client.info()).tasks;
    await expect.poll(left, { timeout: patientMs }).toEqual({
      waiting: 0,
      ready: 0,
      running: 0,
      finished: 0,
      failed: 0,
      cancelled: 0,
      released: 0,
    });
    // It has seen all of that, and found no fault of its own in it.
    expect(crew.lost).toBeGreaterThanOrEqual(4);
    expect(scheduler.program.isRunning).toBe(true);
  },
  3 * patientMs,
);

/** A random graph, grown in waves, with what each task must come to. */
class Graph {
  readonly futures: Future<number>[] = [];
  readonly expected: number[] = [];
  /** With the wide ones, whose values nobody asks for but other tasks. */
  readonly all: Future[] = [];
  readonly #random: Random;
  readonly #submit;

  constructor(client: Client<Tasks>, random: Random) {
    this.#random = random;
    // None of these takes a worker down, but one may be there each time that a worker dies.
    this.#submit = client.with({ maxWorkerLosses: 100 });
  }

  grow(count: number): void {
    const random = this.#random;
    for (let grown = 0; grown < count; grown += 1) {
      const id = this.futures.length;
      const inputs = random.several(0, Math.min(id, 3), () =>
        // Mostly near ones: deep, and wide enough for everybody to have something to do.
        id < 2_000 || random.chance(0.1) ? random.below(id) : id - 1 - random.below(1_000),
      );
      const handles = inputs.map((input) => this.futures[input]!);
      this.expected.push(
        node(
          id,
          inputs.map((input) => this.expected[input]!),
        ),
      );
      this.futures.push(this.#call(id, handles));
      this.all.push(this.futures.at(-1)!);
    }
  }

  #call(id: number, inputs: Future<number>[]): Future<number> {
    const kind = this.#random.next();
    if (kind < 0.03) return this.#submit.submit("slowNode", id, inputs, this.#random.below(60));
    if (kind < 0.99) return this.#submit.submit("node", id, inputs);
    const wide = this.#submit.submit("wideNode", id, inputs);
    this.all.push(wide);
    return this.#submit.submit("narrow", wide, id);
  }
}

/** The workers, and what befalls them. There are always some left, or on their way. */
class Crew {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #clientProxy: Proxy;
  readonly #workers: Worker[] = [];
  #started = 0;
  /** Workers that are gone for good. */
  lost = 0;

  constructor(scheduler: Scheduler, random: Random, clientProxy: Proxy) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#clientProxy = clientProxy;
  }

  async add(): Promise<void> {
    const name = `w${(this.#started += 1)}`;
    const proxy = await Proxy.to(this.#scheduler.port);
    const options = { name, url: proxy.url, modules: [module], threads: 2 };
    const program = await startWorker(this.#scheduler, options);
    this.#workers.push({ name, program, proxy });
  }

  async strike(fault: Fault): Promise<void> {
    const shortMs = 200 + this.#random.below(600);
    switch (fault) {
      case "add":
        return this.add();
      case "cut the client":
        this.#clientProxy.cut();
        await sleep(shortMs);
        this.#clientProxy.heal();
        return;
      case "kill": {
        const { program } = this.#take();
        await program.end("SIGKILL");
        return this.#replace();
      }
      case "stop for long": {
        // Others do its work; when it goes on, it starts anew.
        const worker = this.#take();
        worker.program.signal("SIGSTOP");
        await sleep(graceMs * 1.5);
        worker.program.signal("SIGCONT");
        this.lost += 1;
        this.#workers.push(worker);
        return;
      }
      case "cut for long": {
        const { program, proxy } = this.#take();
        proxy.cut();
        await program.ended;
        return this.#replace();
      }
      case "stop": {
        const { program } = this.#any();
        program.signal("SIGSTOP");
        await sleep(shortMs);
        program.signal("SIGCONT");
        return;
      }
      case "cut":
      case "silence": {
        const { proxy } = this.#any();
        if (fault === "cut") proxy.cut();
        else proxy.silence();
        await sleep(shortMs);
        proxy.heal();
        return;
      }
    }
  }

  #any(): Worker {
    return this.#random.pick(this.#workers);
  }

  #take(): Worker {
    const worker = this.#any();
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    return worker;
  }

  async #replace(): Promise<void> {
    this.lost += 1;
    await this.add();
  }
}
