// The processes that tasks start end with their worker and with their client, even when these are killed.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { gone, isAlive, node, root } from "../processes.ts";
import { Client } from "../../src/index.ts";
import { behaviours, cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("../fixtures/starts-processes.ts");
const module = path.join(root, "test", "fixtures", "starts-processes.ts");

afterEach(cleanUp, patientMs);

async function idIn(folder: string, name: string): Promise<number> {
  const read = () => {
    try {
      return Number(readFileSync(path.join(folder, name), "utf8"));
    } catch {
      return 0;
    }
  };
  await expect.poll(read, { timeout: patientMs }).toBeGreaterThan(0);
  return read();
}

test(
  "kill -9 of a worker that is kept ends what its tasks started, and the next worker goes on",
  async () => {
    const scheduler = await startScheduler();
    await startWorker(scheduler, {
      name: "one",
      modules: [module],
      threads: 3,
      isSupervised: true,
    });
    const client = await connect<Tasks>(scheduler);
    const { folder } = scheduler;
    const killed = [
      client.submit("nested", folder, "await"),
      client.submit("orphaned", folder, "spin"),
      client.submit("sync", folder),
    ];
    const ids = await Promise.all(["nested", "orphaned", "sync"].map((name) => idIn(folder, name)));
    const [worker] = await client.workers();
    process.kill(worker!.pid, "SIGKILL");
    await Promise.all(ids.map(gone));
    client.cancel(killed);
    expect(await client.submit("spawned", folder, "return").result()).toBe("returned");
  },
  patientMs,
);

test.each(["SIGTERM", "SIGKILL"] as const)(
  "%s to the supervisor of a worker ends what its tasks started",
  async (signal) => {
    const scheduler = await startScheduler();
    const supervisor = await startWorker(scheduler, {
      name: "one",
      modules: [module],
      isSupervised: true,
    });
    const client = await connect<Tasks>(scheduler);
    client.submit("orphaned", scheduler.folder, "spin");
    const id = await idIn(scheduler.folder, "orphaned");
    expect(isAlive(id)).toBe(true);
    supervisor.signal(signal);
    await gone(id);
    await supervisor.ended;
  },
  patientMs,
);

test(
  "a client that closes ends what its tasks started",
  async () => {
    const scheduler = await startScheduler({ core: { graceMs: 500 } });
    await startWorker(scheduler, { name: "one", modules: [module] });
    const client = await connect<Tasks>(scheduler);
    client.submit("spawned", scheduler.folder, "await");
    const id = await idIn(scheduler.folder, "spawned");
    await client.close();
    await gone(id);
  },
  patientMs,
);

test.each(["close", "SIGKILL", "worker"])(
  "with Client.local: %s ends what tasks started",
  async (ending) => {
    const folder = mkdtempSync(path.join(tmpdir(), "thence-test-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const fixture = path.join(import.meta.dirname, "fixtures", "runs-processes.ts");
    const program = node([fixture, ending, module, folder]);
    const [text] = await program.wrote(/\{.*\}/);
    const { children, worker } = JSON.parse(text) as { children: number[]; worker: number };
    const id = await idIn(folder, "orphaned");
    if (ending === "close") program.type("close\n");
    else if (ending === "SIGKILL") program.signal("SIGKILL");
    else process.kill(worker, "SIGKILL");
    await gone(id);
    if (ending === "worker") program.signal("SIGKILL");
    await Promise.all(children.map(gone));
  },
  patientMs,
);

test.each(["daemons", "Client.local"])(
  "graceMs and a value after timeoutMs hold on both kinds of cluster (%s)",
  async (kind) => {
    type Behaviours = typeof import("../fixtures/behaviours.ts");
    const start = async () => {
      if (kind === "Client.local") {
        const client = await Client.local<Behaviours>({ modules: [behaviours], threads: 1 });
        onTestFinished(() => client.close());
        return client;
      }
      const scheduler = await startScheduler();
      await startWorker(scheduler, { name: "one", modules: [behaviours] });
      return connect<Behaviours>(scheduler);
    };
    const client = await start();
    const inTime = client.with({ timeoutMs: 200 }).submit("waitForSignal");
    expect(await inTime.result()).toBe("ended");
    const late = client.with({ timeoutMs: 200, graceMs: 200 }).submit("endsLate", 1_500);
    expect(await late.exception()).toMatchObject({ code: "task-timeout" });
    const patient = client.with({ timeoutMs: 200, graceMs: 10_000 }).submit("endsLate", 2_500);
    expect(await patient.result()).toBe("ended late");
  },
  patientMs,
);
