// Daemons whose standard streams cannot be written to: they drop what they print, and go on.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { command, node, root } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("../fixtures/prints.ts");
const module = path.join(root, "test", "fixtures", "prints.ts");

afterEach(cleanUp, patientMs);

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), "thence-unprintable-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test.each([true, false])(
  "whoever reads the output of scheduler and worker is gone, supervised: %s",
  async (isSupervised) => {
    const scheduler = await startScheduler();
    const worker = await startWorker(scheduler, { name: "one", modules: [module], isSupervised });
    const client = await connect<Tasks>(scheduler);
    const [before] = await client.workers();
    for (const program of [worker, scheduler.program]) {
      program.stopReading("stdout");
      program.stopReading("stderr");
    }
    await client.submit("logsMuch", 1).result();
    // Both log the end of a thread, and whoever joins.
    await client.with({ maxWorkerLosses: 1 }).submit("prints", 10, "exit").exception();
    await connect(scheduler);
    expect(await client.submit("prints", 10, "return").result()).toBe("returned");
    expect(await client.workers()).toMatchObject([{ pid: before!.pid }]);
    if (!isSupervised) return;
    process.kill(before!.pid, "SIGKILL");
    await expect
      .poll(async () => (await client.workers())[0]?.pid ?? before!.pid, { timeout: 20_000 })
      .not.toBe(before!.pid);
    expect(await client.submit("prints", 10, "return").result()).toBe("returned");
  },
  patientMs,
);

test(
  "whoever reads the output of a program with a cluster of its own is gone",
  async () => {
    const result = path.join(folder(), "result");
    const fixture = path.join(import.meta.dirname, "fixtures", "logs-locally.ts");
    const program = node([fixture, result, module]);
    await program.wrote(/ready/);
    program.stopReading("stdout");
    program.stopReading("stderr");
    program.type("go\n");
    await program.ended;
    expect(readFileSync(result, "utf8")).toBe("returned true");
  },
  patientMs,
);

test(
  "a log on a full disk goes on when there is room, and says how much is missing",
  async (context) => {
    const disk = folder();
    try {
      const mount = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk];
      execFileSync("mount", mount, { stdio: "ignore" });
    } catch {
      context.skip("needs the right to mount a file system");
    }
    onTestFinished(() => void execFileSync("umount", ["--lazy", disk]));
    const scheduler = await startScheduler();
    const log = path.join(disk, "log");
    const line = ["worker", "--scheduler-file", scheduler.file, "--module", module];
    const worker = spawn(
      "sh",
      ["-c", 'exec "$@" >>"$0" 2>&1', log, process.execPath, command, ...line, "--threads", "1"],
      { env: { ...process.env, THENCE_TOKEN: scheduler.token } },
    );
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    onTestFinished(async () => {
      worker.kill();
      await ended;
    });
    const client = await connect<Tasks>(scheduler);
    expect(await client.submit("prints", 1, "return").result()).toBe("returned");

    const ballast = path.join(disk, "ballast");
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    await client.submit("logsMuch", 1).result();
    expect(await client.submit("prints", 2_000, "return").result()).toBe("returned");
    rmSync(ballast);
    expect(await client.submit("prints", 3, "return").result()).toBe("returned");
    await client.submit("logsMuch", 0).result();
    await client.submit("prints", 3, "return").result();
    const read = () => readFileSync(log, "utf8");
    await expect
      .poll(read, { timeout: 20_000 })
      .toMatch(/\d+ lines of the log were dropped: ENOSPC/);
    expect(read()).toMatch(/standard output takes output again: \d+ pieces of it were dropped/);
    expect(worker.exitCode).toBe(null);
  },
  patientMs,
);
