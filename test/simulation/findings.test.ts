// What simulations have found, each told again by itself: a cluster on virtual time, and the one thing
// that went wrong done to it on purpose. Independent of what any seed means.

import { describe, expect, test } from "vitest";
import { onVirtualTime } from "./platform.ts";
import type { Client } from "../../client/client.ts";
import { Cluster, type SimulatedWorker } from "./cluster.ts";
import { bigValueOf, Book, openBook, spawnedValueOf, valueOf } from "./functions.ts";
import { VirtualTime } from "./virtual-time.ts";

type Scene = {
  time: VirtualTime;
  cluster: Cluster;
  startWorker(name: string): SimulatedWorker;
  connect(name: string): Promise<Client>;
  sleep(ms: number): Promise<void>;
};

const graceMs = 2_000;
const patienceMs = 60_000;

/** Plays a scene on virtual time; nothing goes wrong in it by itself. */
function play<Result>(scene: (scene: Scene) => Promise<Result>): Promise<Result> {
  const time = new VirtualTime(1);
  return onVirtualTime(time, async () => {
    openBook(new Book());
    const cluster = new Cluster({
      ...{ time, graceMs, heartbeatMs: graceMs / 8, smallResultBytes: 100 },
      latencyMs: () => 1,
      heard: () => undefined,
      log: () => undefined,
    });
    const sleep = (ms: number) => new Promise<void>((resolve) => time.after(ms, resolve));
    const started = { threads: 1, concurrency: 1, resources: {}, memoryBytes: 2 ** 30 };
    const startWorker = (name: string) => cluster.startWorker({ name, ...started });
    const connect = async (name: string) => {
      const opened = cluster.startClient(name);
      while (opened.client === undefined) await sleep(1);
      return opened.client;
    };
    let result: { value: Result } | undefined;
    let failure: { error: unknown } | undefined;
    scene({ time, cluster, startWorker, connect, sleep }).then(
      (value) => (result = { value }),
      (error: unknown) => (failure = { error }),
    );
    try {
      await time.run(() => (result ?? failure) !== undefined, time.now + patienceMs);
    } finally {
      cluster.endCensus();
    }
    if (failure) throw failure.error;
    if (result === undefined) throw new Error("it did not come to its end");
    if (cluster.broken) throw cluster.broken;
    return result.value;
  });
}

const large = new Uint8Array(1_000).fill(7);

describe("a scattered value", () => {
  test("that comes to a worker before its welcome is told of all the same", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      const worker = startWorker("worker-0");
      // The scheduler knows it; that this is so takes its time to get there.
      while (worker.route.connections.size === 0) await sleep(0.1);
      cluster.network.silence(worker.route, ["in"]);
      while (cluster.state!.workers.size === 0) await sleep(1);
      const scattering = client.scatter(large, { broadcast: true });
      await sleep(100);
      expect(worker.running).toBeUndefined();
      cluster.network.heal(worker.route);
      const future = await scattering;
      expect(await client.submit("quick", 1, future).result()).toBe(valueOf(1, large));
    }));

  test("whose worker dies with it, before a word of it, is sent to another", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      const workers = [startWorker("worker-0"), startWorker("worker-1")];
      while (cluster.state!.workers.size < 2) await sleep(1);
      // The first is chosen, and that it has the value is never heard.
      const { name } = cluster.state!.workers.values().next().value!;
      const target = workers.find(({ shape }) => shape.name === name)!;
      const other = workers.find((each) => each !== target)!;
      cluster.network.silence(target.route, ["out"]);
      const scattering = client.scatter(large, { broadcast: true });
      await sleep(20);
      cluster.crashWorker(target, { noticed: true });
      const future = await scattering;
      expect(await client.submit("quick", 1, future).result()).toBe(valueOf(1, large));
      expect(Object.values(await client.whoHas([future]))).toEqual([[other.shape.name]]);
    }));

  test("that is lost before all have it is sent again", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      const workers = [startWorker("worker-0"), startWorker("worker-1")];
      while (cluster.state!.workers.size < 2) await sleep(1);
      const [first] = cluster.state!.workers.values();
      const target = workers.find(({ shape }) => shape.name === first!.name)!;
      const other = workers.find((each) => each !== target)!;
      cluster.network.silence(other.route, ["in"]);
      const scattering = client.scatter(large, { broadcast: true });
      while (first!.holds.size === 0) await sleep(0.1);
      cluster.crashWorker(target, { noticed: true });
      cluster.network.heal(other.route);
      const future = await scattering;
      expect(await client.submit("quick", 1, future).result()).toBe(valueOf(1, large));
    }));

  test("that a restart cancels on its way fails, and is not waited for", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const [client, other] = [await connect("client-0"), await connect("client-1")];
      const worker = startWorker("worker-0");
      while (cluster.state!.workers.size < 1) await sleep(1);
      cluster.network.silence(worker.route, ["out"]);
      const scattering = client.scatter(large, { broadcast: true });
      const failing = expect(scattering).rejects.toMatchObject({ code: "task-cancelled" });
      await sleep(20);
      const restarting = other.restart();
      await failing;
      cluster.network.heal(worker.route);
      await restarting;
    }));

  test("that had come when its client tries again is not in the way of itself", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      startWorker("worker-0");
      while (cluster.state!.workers.size < 1) await sleep(1);
      const { route } = cluster.clients[0]!;
      const scattering = client.scatter(large, { broadcast: true });
      // What is sent arrives, and its acknowledgement does not.
      while (route.connections.size < 2) await sleep(0.1);
      cluster.network.silence(route, ["in"]);
      while (cluster.state!.workers.values().next().value!.holds.size === 0) await sleep(1);
      cluster.network.cut(route);
      await sleep(50);
      cluster.network.heal(route);
      const future = await scattering;
      expect(await client.submit("quick", 1, future).result()).toBe(valueOf(1, large));
    }));
});

describe("a worker that is retired", () => {
  test("leaves although the scheduler that was asked is replaced by another meanwhile", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      const [worker, taker] = [startWorker("worker-0"), startWorker("worker-1")];
      while (cluster.state!.workers.size < 2) await sleep(1);
      const first = worker.scope;
      const made = client.with({ workers: ["worker-0"] }).submit("big", 1, 0, 1, 1_000);
      await made.exception();
      // It stays for what only it holds, until the other has that, which never hears that it should.
      cluster.network.silence(taker.route, ["in"]);
      const retiring = client.retireWorkers(["worker-0"]).catch(() => undefined);
      await sleep(50);
      cluster.restartScheduler();
      cluster.network.heal(taker.route);
      await retiring;
      while (!first.dead) await sleep(100);
      made.release();
    }));
});

describe("a worker whose memory is full of the inputs of tasks that wait for sub-tasks", () => {
  test("runs the sub-tasks, though nobody else is there", () =>
    play(async ({ cluster, connect }) => {
      const client = await connect("client-0");
      const shape = { threads: 1, concurrency: 1, resources: {}, memoryBytes: 10_000 };
      cluster.startWorker({ name: "worker-0", ...shape });
      const spawning = [1, 2].map((id) => {
        const big = client.submit("big", id, 0, 1, 6_000);
        return client.submit("spawns", 10 + id, big, 50, 2);
      });
      const values = [1, 2].map((id) => spawnedValueOf(10 + id, bigValueOf(id, 0, 6_000), 2));
      expect(await client.gather(spawning)).toEqual(values);
    }));
});

describe("a client whose link drops", () => {
  test("comes back within its grace though its first attempt is never answered", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      startWorker("worker-0");
      const future = client.submit("slow", 1, 0, 100);
      const { route } = cluster.clients[0]!;
      cluster.network.cut(route);
      await sleep(1);
      cluster.network.heal(route);
      // It is connected again, and before it is answered that connection is gone without a word.
      while (route.connections.size === 0) await sleep(0.1);
      cluster.network.cut(route, ["near"]);
      await sleep(10);
      cluster.network.heal(route);
      expect(await future.result()).toBe(valueOf(1, 0));
    }));
});

describe("a task that is cancelled when it has finished, which its client has not heard", () => {
  test("takes what depends on it along all the same", () =>
    play(async ({ cluster, startWorker, connect, sleep }) => {
      const client = await connect("client-0");
      startWorker("worker-0");
      const finished = client.submit("slow", 1, 0, 100);
      const endless = client.submit("obeys", 2, client.submit("quick", 3, finished));
      await sleep(50);
      const { route } = cluster.clients[0]!;
      cluster.network.silence(route, ["in"]);
      while (cluster.state!.tasks.get(endless.key)?.state.at !== "running") await sleep(1);
      finished.cancel();
      expect(endless.status).toBe("cancelled");
      await sleep(100);
      expect(cluster.state!.tasks.get(endless.key)?.state.at).toBeUndefined();
      cluster.network.heal(route);
      expect(await client.submit("quick", 4, 0).result()).toBe(valueOf(4, 0));
    }));
});
