// A scheduler among peers that send it 100,000 random and spoiled frames, while a client and a worker
// that mean well go on with their work in it. The seed is in the output; THENCE_FUZZ_SEED sets it.

import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { Clockwork } from "../../scheduler/clockwork.ts";
import type { State } from "../../scheduler/core/state.ts";
import { startServer } from "../../scheduler/server.ts";
import { Sessions } from "../../scheduler/sessions.ts";
import type { Client } from "../../src/index.ts";
import { silentLog } from "../../src/log.ts";
import { startWorker } from "../../worker/main.ts";
import { addCleanUp, arithmetic, cleanUp, connect, patientMs } from "./daemons.ts";
import * as daemons from "./daemons.ts";
import { fromClient, fromWorker } from "./fuzz-messages.ts";
import { encoded, spoiled } from "./fuzz-mutations.ts";
import { FuzzPeer, type Tally } from "./fuzz-peer.ts";
import { Random } from "./random.ts";
import { RawPeer, clientHello, workerHello } from "./raw-peer.ts";

const frames = 100_000;
const seed = Number(process.env.THENCE_FUZZ_SEED ?? Date.now() % 2 ** 31);

/** What the scheduler's core has been through: every step of it is looked at here. */
const core = vi.hoisted(() => ({
  state: undefined as State | undefined,
  steps: 0,
  failures: [] as unknown[],
}));

vi.mock("../../scheduler/core/step.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../scheduler/core/step.ts")>();
  const { checkInvariants } = await import("../../scheduler/core/invariants.ts");
  return {
    ...original,
    step: (...[state, now, event]: Parameters<typeof original.step>) => {
      core.state = state;
      core.steps += 1;
      try {
        const effects = original.step(state, now, event);
        // Every step would take most of the time, and what is broken stays so for a while.
        if (core.steps % 5 === 0) checkInvariants(state);
        return effects;
      } catch (error) {
        core.failures.push(error);
        throw error;
      }
    },
  };
});

afterEach(cleanUp, patientMs);

test(
  `${frames} random and spoiled frames leave a scheduler standing, and others untouched (seed ${seed})`,
  async () => {
    const { sessions, url, token } = await startScheduler();
    const client = await connect(await startGoodWorker({ url, token }));
    const tally: Tally = {
      frames: 0,
      spoiled: 0,
      welcomed: 0,
      resumed: 0,
      refused: 0,
      cutOff: {},
      malformed: [],
    };
    const world = { random: new Random(seed), sessions, tally };
    const peers = Array.from({ length: 8 }, (_, index) => {
      const role = index % 2 === 0 ? "client" : "worker";
      return new FuzzPeer(role, { name: `peer${index}`, spoils: index < 4 ? 0.05 : 0.35 }, world);
    });
    let answered: Promise<void> = Promise.resolve();
    for (let round = 0; tally.frames < frames && core.failures.length === 0; round += 1) {
      for (const peer of peers) peer.act();
      if (round % 100 === 0) {
        await answered;
        answered = expectRightAnswers(client, 3);
        // Whatever goes wrong is told when it is awaited.
        answered.catch(() => undefined);
      }
      await nextTurn();
    }
    expect(core.failures).toEqual([]);
    await answered;
    // Nobody was told what the protocol does not allow, nor cut off for a fault of the scheduler.
    expect(tally.malformed).toEqual([]);
    expect(tally.cutOff[4005] ?? 0).toBe(0);
    // Most of it came through the boundary and much did not: both were put to the test.
    expect(core.steps).toBeGreaterThan(frames / 2);
    expect(tally.cutOff[4002]).toBeGreaterThan(frames / 100);
    expect(tally.resumed).toBeGreaterThan(10);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();

    for (const peer of peers) peer.leave();
    await expect.poll(() => core.state?.workers.size, { timeout: patientMs }).toBe(1);
    await expectRightAnswers(client, 1_000);
    await client.close();
    await expect.poll(() => core.state?.clients.size, { timeout: patientMs }).toBe(0);
    // Nothing is kept but what is published or in queues and variables,
    // what was to be run regardless or is kept for a time, and what that needs.
    const { tasks, retentions, kept } = core.state!;
    const left = [...tasks.values()].filter(
      (task) => !task.detachedBy && !task.dependents && !retentions.has(task) && !kept.has(task),
    );
    expect(left).toEqual([]);
    expect(core.failures).toEqual([]);
  },
  4 * patientMs,
);

test(
  `the same over sockets leaves the daemon standing (seed ${seed})`,
  async () => {
    const scheduler = await daemons.startScheduler({ core: { graceMs: 30 } });
    const client = await connect(await startGoodWorker(scheduler));
    const random = new Random(seed);
    const rounds = 100;
    for (let round = 0; round < rounds; round += 1) {
      const answered = expectRightAnswers(client, 3);
      await Promise.all([assail(scheduler, "client", random), assail(scheduler, "worker", random)]);
      await answered;
    }
    expect(scheduler.program.isRunning).toBe(true);
    expect(scheduler.program.stderr).not.toContain("broken invariant");
    expect((await scheduler.program.end()).how).toBe(0);
  },
  2 * patientMs,
);

/** Connects and says this and that until it is cut off, or has said enough. */
async function assail(
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

async function expectRightAnswers(client: Client, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const sums = client.map("good.add", numbers, numbers);
  const differences = client.map("good.sub", sums, numbers);
  expect(await client.gather(differences)).toEqual(numbers);
  client.release([...sums, ...differences]);
}

/** The parts of a scheduler, so that peers need no network to reach it. */
async function startScheduler() {
  const token = "for-the-well-meaning";
  const clockwork = new Clockwork({
    core: { graceMs: 30, unknownTaskTimeoutMs: 20, smallResultBytes: 1_000 },
    log: silentLog,
  });
  const sessions = new Sessions({ id: "fuzzed", clockwork, heartbeatMs: 1_000, log: silentLog });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    token,
    accept: (socket, peer, right) => sessions.accept(socket, peer.address, right),
  });
  addCleanUp(async () => {
    clockwork.stop();
    await sessions.close("over");
    await server.close();
  });
  return { sessions, url: `ws://127.0.0.1:${server.port}`, token };
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
