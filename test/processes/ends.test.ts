// What becomes of the others when one of them ends: the scheduler on request or by force, a client
// without a word.

import { afterEach, expect, test } from "vitest";
import path from "node:path";
import { ConnectionError, LostDataError } from "../../src/index.ts";
import { node } from "../processes.ts";
import { behaviours, cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";
import { startWorker, tasks } from "./daemons.ts";
import { gateAt, openGate, timesRun } from "./fixtures/traces.ts";
import { Proxy } from "./proxy.ts";

type Tasks = typeof import("./fixtures/tasks.ts") & typeof import("../fixtures/behaviours.ts");

afterEach(cleanUp, patientMs);

test(
  "a scheduler that is stopped says so to everybody: futures fail, workers end with 0, nobody hangs",
  async () => {
    const scheduler = await startScheduler();
    const [idle, busy] = await Promise.all([
      startWorker(scheduler, { name: "idle" }),
      startWorker(scheduler, { name: "busy", modules: [behaviours] }),
    ]);
    const [client, other] = await Promise.all([connect<Tasks>(scheduler), connect(scheduler)]);
    const sum = client.submit("add", 1, 10);
    expect(await sum.result()).toBe(11);
    const running = client.submit("waitForSignal");
    const waiting = client.submit("echo", running);
    await expect
      .poll(async () => (await other.info()).tasks.running, { timeout: patientMs })
      .toBe(1);

    const failing = Promise.allSettled([
      client.gather([running, waiting]),
      running.result(),
      waiting.result(),
      other.waitForWorkers(3),
    ]);
    scheduler.program.signal("SIGTERM");
    for (const outcome of await failing) {
      const error: unknown = outcome.status === "rejected" ? outcome.reason : outcome.value;
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toBe("submit again: the scheduler was stopped");
    }
    expect(running.status).toBe("lost");
    // What was here is still here.
    expect(await sum.result()).toBe(11);

    const ends = await Promise.all([scheduler.program, idle, busy].map(({ ended }) => ended));
    for (const { how, stderr } of ends) expect(how, stderr).toBe(0);
  },
  patientMs,
);

test(
  "a scheduler that is killed is waited for by clients during the grace period, and by workers until their death timeout",
  async () => {
    const scheduler = await startScheduler({ core: { graceMs: 500 } });
    const more = ["--death-timeout", "3s"];
    const worker = await startWorker(scheduler, { name: "one", modules: [behaviours], more });
    const client = await connect<Tasks>(scheduler);
    const running = client.submit("waitForSignal");
    await expect.poll(async () => (await client.info()).tasks.running).toBe(1);
    scheduler.program.signal("SIGKILL");

    const error = (await running.exception()) as Error;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toContain(`The link to the scheduler at ${scheduler.url} was lost`);
    expect(error.message).toContain("could not be restored within 0.5 s. The last attempt: ");
    expect(error.message).toContain("ECONNREFUSED");
    const { how, stderr } = await worker.ended;
    expect(how).toBe(1);
    expect(stderr).toContain("could not be restored within 3 s");
  },
  patientMs,
);

test(
  "of a client that is killed the tasks are let go of after the grace period, but for those sent off",
  async () => {
    const scheduler = await startScheduler({ core: { graceMs: 1_000 } });
    const { url, token, folder } = scheduler;
    const worker = await startWorker(scheduler, {
      name: "one",
      modules: [tasks, behaviours],
      threads: 2,
    });
    const client = await connect<Tasks>(scheduler);
    const program = node(
      [path.join(import.meta.dirname, "fixtures", "leaves-tasks.ts"), url, folder],
      { env: { THENCE_TOKEN: token } },
    );
    const [endless, lasting] = JSON.parse((await program.wrote(/\[.*\]/))[0]) as string[];
    const state = async (key: string) => (await client.explain(key)).state;
    await expect.poll(() => state(endless!), { timeout: patientMs }).toBe("running");
    await expect.poll(() => state(lasting!), { timeout: patientMs }).toBe("running");
    await program.end("SIGKILL");
    expect(await state(endless!)).toBe("running");

    await expect
      .poll(() => client.explain(endless!).catch((error: unknown) => error), { timeout: patientMs })
      .toBeInstanceOf(LostDataError);
    // Its thread is needed for these two: the other one waits at the gate.
    expect(await client.gather(client.map("add", [1, 2], [10, 11]))).toEqual([11, 13]);
    expect(await state(lasting!)).toBe("running");
    expect(timesRun(folder).size).toBe(0);
    openGate(folder);
    await expect.poll(() => timesRun(folder).size, { timeout: patientMs }).toBe(1);
    expect(await client.workers()).toMatchObject([{ name: "one", pid: worker.pid }]);
    expect(await client.info()).toMatchObject({ clients: 1 });
  },
  patientMs,
);

test.each<["cut" | "silence"]>([["cut"], ["silence"]])(
  "with a network that is gone (%s) everybody ends when asked to, and soon",
  async (how) => {
    const scheduler = await startScheduler();
    const proxy = await Proxy.to(scheduler.port);
    const worker = await startWorker(scheduler, { name: "one", url: proxy.url });
    const client = await connect<Tasks>({ ...scheduler, url: proxy.url });
    const waiting = client.submit("double", scheduler.folder, gateAt);
    await expect
      .poll(async () => (await client.workers())[0]?.tasks, { timeout: patientMs })
      .toBe(1);
    proxy[how]();
    openGate(scheduler.folder);
    await expect.poll(() => timesRun(scheduler.folder).size, { timeout: patientMs }).toBe(1);
    expect(waiting.done).toBe(false);

    const startedAt = performance.now();
    await client.close();
    const ends = await Promise.all([worker.end(), scheduler.program.end()]);
    // What is queued has two seconds to leave.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    for (const { how, stderr } of ends) expect(how, stderr).toBe(0);
    expect(waiting.status).toBe("cancelled");
  },
  patientMs,
);
