// A scheduler, its relay and a worker among peers and strangers that send 100,000 random and spoiled frames and
// handshakes, while a client that means well goes on with its work. The seed is in the output; THENCE_FUZZ_SEED
// sets it.

import { afterEach, expect, test } from "vitest";
import { startWorker } from "../../worker/main.ts";
import { addCleanUp, arithmetic, cleanUp, connect, patientMs } from "../processes/daemons.ts";
import * as daemons from "../processes/daemons.ts";
import { RawPeer, clientHello, workerHello } from "../processes/raw-peer.ts";
import { Random } from "../processes/random.ts";
import { expectRightAnswers } from "./arena.ts";
import { fuzz } from "./fuzz.ts";
import { assail } from "./handshakes.ts";
import { fromClient, fromWorker } from "./link-messages.ts";
import { encoded, spoiled } from "./mutations.ts";

const frames = 100_000;
const seed = Number(process.env.THENCE_FUZZ_SEED ?? Date.now() % 2 ** 31);

afterEach(cleanUp, patientMs);

test(
  `${frames} random and spoiled frames and handshakes leave everything standing, and others untouched (seed ${seed})`,
  async () => {
    const { tally, handshakes, steps, problems, arena } = await fuzz({ seed, count: frames });
    expect(problems).toEqual([]);
    // Most of it came through the boundary and much did not: both were put to the test.
    const { scheduler, worker, relay } = tally;
    expect(steps).toBeGreaterThan(scheduler.frames / 3);
    expect(scheduler.cutOff[4002]).toBeGreaterThan(scheduler.frames / 100);
    expect(scheduler.resumed).toBeGreaterThan(10);
    for (const { frames, welcomed } of [worker, relay]) {
      expect(frames).toBeGreaterThan(10_000);
      expect(welcomed).toBeGreaterThan(100);
    }
    expect(handshakes).toBeGreaterThan(1_000);

    const { client, state } = arena;
    await expect.poll(() => state().workers.size, { timeout: patientMs }).toBe(1);
    await expectRightAnswers(client, 1_000);
    // No memory is reserved for those who have gone, else it would be paused.
    expect((await client.workers())[0]?.status).toBe("up");
    await client.close();
    await expect.poll(() => state().clients.size, { timeout: patientMs }).toBe(0);
    // Nothing is kept but what is published or in queues and variables,
    // what was to be run regardless or is kept for a time, and what that needs.
    const { tasks, retentions, kept } = state();
    const left = [...tasks.values()].filter(
      (task) => !task.detachedBy && !task.dependents && !retentions.has(task) && !kept.has(task),
    );
    expect(left).toEqual([]);
    expect(problems).toEqual([]);
  },
  4 * patientMs,
);

test(
  `the same over sockets leaves the daemons standing (seed ${seed})`,
  async () => {
    const scheduler = await daemons.startScheduler({ core: { graceMs: 30 } });
    const worker = await daemons.startWorker(scheduler, { name: "daemon" });
    const client = await connect(await startGoodWorker(scheduler));
    const all = await client.workers();
    const { address } = all.find(({ name }) => name === "daemon")!;
    const ports = [
      { ...scheduler, paths: ["/", "/data", "/api/info"] },
      { ...scheduler, port: Number(new URL(address!).port), paths: ["/data"] },
    ];
    const random = new Random(seed);
    const rounds = 100;
    for (let round = 0; round < rounds; round += 1) {
      const answered = expectRightAnswers(client, 3);
      await Promise.all([
        assailByRole(scheduler, "client", random),
        assailByRole(scheduler, "worker", random),
        ...ports.map((port) => assail(port, random)),
      ]);
      await answered;
    }
    for (const program of [scheduler.program, worker]) {
      expect(program.isRunning).toBe(true);
      expect(program.stderr).not.toMatch(/broken invariant|internal error|\n {4}at /);
    }
    expect((await worker.end()).how).toBe(0);
    expect((await scheduler.program.end()).how).toBe(0);
  },
  2 * patientMs,
);

/** Connects and says this and that until it is cut off, or has said enough. */
async function assailByRole(
  scheduler: daemons.Scheduler,
  role: "client" | "worker",
  random: Random,
): Promise<void> {
  const peer = await RawPeer.connect(scheduler);
  const hello = {
    ...(role === "client" ? clientHello : workerHello),
    id: `raw-${random.below(4)}`,
    functions: ["f", "g"],
  };
  if (random.chance(0.2)) peer.send(spoiled({ array: [hello], parts: [] }, random));
  else peer.send(hello);
  for (let said = 0; said < 20; said += 1) {
    const { message, parts } = role === "client" ? fromClient(random) : fromWorker(random, []);
    const draft = {
      array: [0, message],
      parts: Array.from({ length: parts }, () => new Uint8Array(random.below(12))),
    };
    peer.send(random.chance(0.2) ? spoiled(draft, random) : encoded(draft));
  }
  peer.send("enough");
  const patience = AbortSignal.timeout(patientMs);
  await new Promise((resolve, reject) => {
    void peer.closed.then(resolve);
    patience.addEventListener("abort", () => {
      reject(new Error(`a ${role} was not cut off: ${JSON.stringify(peer.received)}`));
    });
  });
}

/** With functions that nobody else has. */
async function startGoodWorker<Where extends { url: string; token: string }>(where: Where) {
  const { url, token } = where;
  const worker = await startWorker({
    target: { describe: url, find: async () => ({ url, token }) },
    modules: [{ name: "good", path: arithmetic }],
    name: "good",
    threads: 1,
  });
  addCleanUp(() => worker.stop());
  return where;
}
