// A random graph of 20,000 tasks on real processes, while workers are killed, stopped, cut off and
// added, and the client's own link is cut: the answer is the one that a plain loop comes to.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { Program } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import type { Scheduler } from "./daemons.ts";
import { Proxy } from "./proxy.ts";
import { Random } from "./random.ts";
import { RandomGraph, type GraphTasks } from "./random-graph.ts";

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
    const client = await connect<GraphTasks>({ ...scheduler, url: clientProxy.url });

    const graph = new RandomGraph(client, random);
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
