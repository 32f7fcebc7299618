// Signals that are no request to end: SIGHUP under nohup, and SIGUSR1, by which Node would open a
// debugger's port. Daemons are started as their users start them: by the command itself.

import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { childrenOf, command, node, Program, thence } from "../processes.ts";
import { addCleanUp, behaviours, cleanUp } from "./daemons.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-signals-"));
  file = path.join(folder, "s.json");
});
afterEach(async () => {
  await cleanUp();
  await rm(folder, { recursive: true, force: true });
});

const schedulerLine = () => ["scheduler", "--port", "0", "--scheduler-file", file];
const workerLine = () => [
  ...["worker", "--scheduler-file", file, "--threads", "1"],
  ...["--module", behaviours, "--module", path.join(import.meta.dirname, "fixtures", "linger.ts")],
];
/** Polls without a pause, for as long as a busy machine needs. */
const atOnce = { interval: 1, timeout: 20_000 };

/** The command as a shell finds it. */
const installed = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  new Program(command, args, { env });

describe("SIGHUP", () => {
  test("does not end a scheduler or a worker under nohup, and without it ends them cleanly", async () => {
    const scheduler = new Program("nohup", [command, ...schedulerLine()], {});
    await scheduler.wrote(/connect a worker with/);
    const worker = new Program("nohup", [command, ...workerLine()], {});
    await worker.wrote(/joined the scheduler/);
    const [child] = childrenOf(worker.pid);
    for (let count = 0; count < 3; count++) {
      scheduler.signal("SIGHUP");
      worker.signal("SIGHUP");
      process.kill(child!, "SIGHUP");
      await sleep(20);
    }
    const status = await thence(["status", "--json", "--scheduler-file", file]).ended;
    expect(JSON.parse(status.stdout).workers).toHaveLength(1);
    expect((await worker.end()).how).toBe(0);
    expect((await scheduler.end()).how).toBe(0);

    const plain = installed(schedulerLine());
    await plain.wrote(/connect a worker with/);
    const { how, stderr } = await plain.end("SIGHUP");
    expect(how).toBe(0);
    expect(lastLine(stderr)).toContain("ended: SIGHUP");
  });

  test.each(["SIGQUIT", "SIGXCPU"] as const)(
    "%s ends a scheduler in good order",
    async (signal) => {
      const scheduler = installed(schedulerLine());
      await scheduler.wrote(/connect a worker with/);
      const { how, stderr } = await scheduler.end(signal);
      expect(how).toBe(0);
      expect(lastLine(stderr)).toContain(`ended: ${signal}`);
    },
  );

  test("is ignored too by a program of Node whose shell was started by nohup", async () => {
    const line = `"$0" "$@"; exit $?`;
    const args = ["sh", "-c", line, process.execPath, command, ...schedulerLine()];
    const shell = new Program("nohup", args, {});
    await shell.wrote(/connect a worker with/);
    const [scheduler] = childrenOf(shell.pid);
    process.kill(scheduler!, "SIGHUP");
    await thence(["status", "--scheduler-file", file]).ended;
    expect(shell.isRunning).toBe(true);
    process.kill(scheduler!, "SIGTERM");
    expect((await shell.ended).how).toBe(0);
  });
});

describe("SIGTERM before a daemon has begun ends it with 0:", () => {
  const other = ["worker", "--scheduler-file", "none.json", "--module", behaviours];
  test.each([
    ["a scheduler", () => installed(schedulerLine())],
    ["a worker", () => installed([...other, "--no-supervise"])],
    ["a supervisor", () => installed(other)],
  ])("%s", async (_, start) => {
    const program = start();
    // By now it is a program of Node that has run signals.js: a shell does not listen to this signal.
    await expect.poll(() => hasSignal(program.pid, "SigCgt", "SIGUSR2"), atOnce).toBe(true);
    await sleep(10);
    expect((await program.end()).how).toBe(0);
  });

  test("a worker whose supervisor was told", async () => {
    const supervisor = installed(other);
    await expect.poll(() => workerProcess(supervisor.pid), atOnce).toBeDefined();
    // At any moment, also while Node starts.
    expect((await supervisor.end()).how).toBe(0);
  });
});

describe("SIGUSR1", () => {
  test("and SIGUSR2 are ignored by a scheduler, which says so once; no debugger opens", async () => {
    const scheduler = installed(schedulerLine());
    await scheduler.wrote(/connect a worker with/);
    for (const signal of ["SIGUSR1", "SIGUSR2", "SIGUSR1"] as const) scheduler.signal(signal);
    await scheduler.wrote(/is ignored/);
    expect(await listeners(scheduler.pid)).toBe(1);
    const { how, stderr } = await scheduler.end();
    expect(how).toBe(0);
    expect(stderr.match(/is ignored/g)).toHaveLength(1);
    expect(stderr).not.toMatch(/debugger/i);
  });

  test.each([0, 5, 10, 20, 30, 45, 60, 90, 130, 200])(
    "opens no debugger %i ms after the start, and the scheduler goes on",
    async (delayMs) => {
      const scheduler = installed(schedulerLine());
      // In the first moment it is a process that has become no shell yet, and ends as all do.
      await expect
        .poll(
          () => ["SigIgn", "SigCgt"].some((set) => hasSignal(scheduler.pid, set, "SIGUSR1")),
          atOnce,
        )
        .toBe(true);
      await sleep(delayMs);
      scheduler.signal("SIGUSR1");
      await scheduler.wrote(/connect a worker with/);
      expect(scheduler.stderr).not.toContain("Debugger listening");
      await scheduler.end();
    },
  );

  test.each(["SIGUSR1", "SIGUSR2"] as const)(
    "%s lets a worker drain: what runs ends, the worker is not restarted",
    async (signal) => {
      const scheduler = installed(schedulerLine());
      await scheduler.wrote(/connect a worker with/);
      const worker = installed([...workerLine(), "--drain-timeout", "100ms"]);
      await worker.wrote(/joined the scheduler/);
      const client = await Client.connect<typeof import("./fixtures/linger.ts")>(file);
      const started = (name: string) =>
        expect.poll(() => existsSync(path.join(folder, name)), { timeout: 20_000 }).toBe(true);
      try {
        const future = client.submit("linger", path.join(folder, "first"), 1_500);
        await started("first");
        worker.signal(signal);
        expect(await future.result()).toBe(1_500);
        const { how, stderr } = await worker.ended;
        expect(how, stderr).toBe(0);
        expect(lastLine(stderr)).toMatch(new RegExp(`ended: ${signal}$`));
        expect(stderr).not.toMatch(/debugger/i);

        const other = installed([...workerLine(), "--no-supervise"]);
        await other.wrote(/joined the scheduler/);
        const endless = client.submit("linger", path.join(folder, "second"), 3_600_000);
        await started("second");
        other.signal(signal);
        await other.wrote(/waiting for the task that runs/);
        expect(await listeners(other.pid)).toBeLessThanOrEqual(1);
        endless.cancel();
        expect((await other.ended).how).toBe(0);

        // SIGTERM after it has the ordinary limit.
        const last = installed([...workerLine(), "--no-supervise", "--drain-timeout", "100ms"]);
        await last.wrote(/joined the scheduler/);
        client.submit("linger", path.join(folder, "third"), 3_600_000);
        await started("third");
        last.signal(signal);
        await last.wrote(/waiting for the task that runs/);
        expect((await last.end("SIGTERM")).how).toBe(0);
        expect(last.stderr).toContain("the drain timeout is over");
      } finally {
        await client.close();
      }
    },
    60_000,
  );

  test("to the process of a supervised worker, at any moment, opens no debugger", async () => {
    for (const delayMs of [0, 15, 40, 80]) {
      const worker = installed(workerLine());
      await expect.poll(() => workerProcess(worker.pid), atOnce).toBeDefined();
      await sleep(delayMs);
      process.kill(workerProcess(worker.pid)!, "SIGUSR1");
      // It drains before it has found the scheduler; or it was too early to be asked, and waits for that.
      await worker.wrote(/waiting for the scheduler file|ended:/);
      const { how, stderr } = await worker.end();
      expect(how, stderr).toBe(0);
      expect(stderr).not.toContain("Debugger listening");
    }
  });

  test("opens no debugger in the processes of a local cluster, and ends none of them", async () => {
    const before = new Set(childrenOf(process.pid));
    const client = await Client.local({ modules: [behaviours], threads: 1 });
    addCleanUp(() => client.close());
    const ours = childrenOf(process.pid).filter((pid) => !before.has(pid));
    expect(ours.length).toBe(2);
    for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) {
      for (const pid of ours) process.kill(pid, signal);
    }
    await client.submit("pause", 10).result();
    expect(childrenOf(process.pid).filter((pid) => ours.includes(pid))).toEqual(ours);
    // The scheduler's port, and the worker's for other workers.
    for (const pid of ours) expect(await listeners(pid)).toBe(1);
  });
});

test.each(["--inspect", "--inspect=127.0.0.1:0", "--inspect-brk", "--inspect-wait"])(
  "NODE_OPTIONS=%s opens no debugger in a daemon",
  async (flag) => {
    const env = { NODE_OPTIONS: `--max-old-space-size=200 ${flag} --stack-trace-limit=20` };
    const scheduler = installed(schedulerLine(), env);
    await scheduler.wrote(/connect a worker with/);
    const worker = installed(workerLine(), env);
    await worker.wrote(/joined the scheduler/);
    const [child] = childrenOf(worker.pid);
    expect(await listeners(scheduler.pid)).toBe(1);
    expect(await listeners(worker.pid)).toBe(0);
    expect(await listeners(child!)).toBe(1);
    expect((await worker.end()).stderr).not.toContain("Debugger listening");
    await scheduler.end();
  },
);

test("a debugger that the command line of Node asks for is opened", async () => {
  const scheduler = node(["--inspect=127.0.0.1:0", command, ...schedulerLine()]);
  await scheduler.wrote(/Debugger listening/);
  await scheduler.wrote(/connect a worker with/);
  expect(await listeners(scheduler.pid)).toBe(2);
  await scheduler.end();
});

/** Whether a signal is in a set of a process: SigIgn, those that it ignores, or SigCgt, those that it catches. */
function hasSignal(pid: number, set: string, signal: NodeJS.Signals): boolean {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const [, mask = "0"] = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(status) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n;
}

/** The process that a supervisor keeps; a launcher that still is a shell has children of other kinds. */
function workerProcess(supervisor: number): number | undefined {
  return childrenOf(supervisor).find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--no-inspect\0");
    } catch {
      return false;
    }
  });
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

/** How many TCP ports a process listens on, where there is a /proc. */
async function listeners(pid: number): Promise<number> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8").catch(() => "")),
  );
  const listening = new Set(
    tables
      .flatMap((table) => table.split("\n").slice(1))
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === "0A")
      .map((columns) => columns[9]),
  );
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")),
  );
  return targets.filter((target) => listening.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ""))
    .length;
}
