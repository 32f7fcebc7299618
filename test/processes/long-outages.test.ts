// Outages longer than every grace period: the scheduler gives workers and clients up, and these go on with it
// when it can be reached again, as new ones.

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { ConnectionError } from "../../src/index.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import { Proxy } from "./proxy.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

const graceMs = 1_500;
const short = { heartbeatMs: 200, core: { graceMs, clientGraceMs: 2 * graceMs } };
/** Longer than a worker is waited for, with the time it takes to notice. */
const outageMs = 3 * graceMs;

afterEach(cleanUp, patientMs);

test.each([true, false])(
  "a scheduler that stands still loses no worker for good, supervised: %s",
  async (isSupervised) => {
    const scheduler = await startScheduler(short);
    const worker = await startWorker(scheduler, { name: "one", isSupervised });
    const client = await connect<Tasks>(scheduler);
    const [before] = await client.workers();
    process.kill(scheduler.program.pid, "SIGSTOP");
    await sleep(outageMs);
    process.kill(scheduler.program.pid, "SIGCONT");
    await worker.wrote(/is up again|starts anew/);
    const submit = () => client.submit("add", 1, 10).result();
    await expect.poll(() => submit().catch(() => 0), { timeout: patientMs }).toBe(11);
    expect(await client.workers()).toMatchObject([{ name: "one", pid: before!.pid }]);
  },
  patientMs,
);

test(
  "a network that carries nothing for long loses no worker and no client for good",
  async () => {
    const scheduler = await startScheduler(short);
    const [atWorker, atClient] = [await Proxy.to(scheduler.port), await Proxy.to(scheduler.port)];
    const worker = await startWorker(scheduler, { name: "one", url: atWorker.url });
    const client = await connect<Tasks>({ ...scheduler, url: atClient.url });
    const lost = client.submit("waitFor", 600_000);
    await expect.poll(async () => (await client.explain(lost)).why).toMatch(/executing/);
    for (const proxy of [atWorker, atClient]) proxy.silence();
    const observer = await connect<Tasks>(scheduler);
    await expect.poll(() => observer.workers(), { timeout: patientMs }).toEqual([]);
    await sleep(outageMs);
    for (const proxy of [atWorker, atClient]) proxy.heal();
    await worker.wrote(/the scheduler does not know this worker any more: it starts anew/);
    expect(await lost.exception()).toBeInstanceOf(ConnectionError);
    expect(await client.submit("add", 1, 10).result()).toBe(11);
    expect(worker.isRunning).toBe(true);
  },
  patientMs,
);

test(
  "a worker that starts anew has its name, though the link of the one before it still seems up",
  async () => {
    const scheduler = await startScheduler({ heartbeatMs: 1_000 });
    const proxy = await Proxy.to(scheduler.port);
    const old = await startWorker(scheduler, { name: "one", url: proxy.url });
    const client = await connect<Tasks>(scheduler);
    const [before] = await client.workers();
    const running = client.submit("waitFor", 300);
    await expect.poll(async () => (await client.explain(running)).why).toMatch(/executing/);
    proxy.silence();
    await old.end("SIGKILL");
    const next = await startWorker(scheduler, { name: "one" });
    expect(next.stderr).not.toContain("choose another");
    const [after] = await client.workers();
    expect(after!.name).toBe("one");
    expect(after!.pid).not.toBe(before!.pid);
    // At its second attempt.
    expect(await running.result()).toBe(2);
  },
  patientMs,
);
