// A scheduler whose journal is on a disk that gets full: clients are told, nothing that was accepted is lost,
// and the same programs go on when there is room.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, onTestFinished, test, type TestContext } from "vitest";
import { Client, OverloadedError } from "../../src/index.ts";
import { thence, type Program } from "../processes.ts";
import { addCleanUp, behaviours, cleanUp, patientMs } from "./daemons.ts";

type Tasks = typeof import("../fixtures/behaviours.ts");

afterEach(cleanUp, patientMs);

/** A small disk; skips the test where it cannot be mounted. */
function mount(context: TestContext, size: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], {
      stdio: "ignore",
    });
  } catch {
    rmSync(folder, { recursive: true });
    context.skip("needs the right to mount a file system");
  }
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

async function startScheduler(disk: string, file: string, ...more: string[]): Promise<Program> {
  const program = thence([
    ...["scheduler", "--port", "0", "--no-supervise", "--scheduler-file", file],
    ...["--journal", path.join(disk, "journal"), ...more],
  ]);
  addCleanUp(() => program.end("SIGKILL"));
  await program.wrote(/listening on/);
  return program;
}

async function startWorker(file: string): Promise<void> {
  const where = ["--scheduler-file", file, "--module", behaviours];
  const program = thence(["worker", "--no-supervise", "--threads", "1", "--name", "w1", ...where]);
  addCleanUp(() => program.end("SIGKILL"));
  await program.wrote(/joined the scheduler/);
}

async function connect(file: string): Promise<Client<Tasks>> {
  const client = await Client.connect<Tasks>(file, { timeoutMs: patientMs });
  addCleanUp(() => client.close());
  return client;
}

test.for(["process", "machine"] as const)(
  "a full disk is told to clients within seconds, and they go on when there is room (%s)",
  { timeout: 2 * patientMs },
  async (durability, context) => {
    const disk = mount(context, "24m");
    const others = mkdtempSync(path.join(tmpdir(), "thence-full-"));
    onTestFinished(() => rmSync(others, { recursive: true }));
    const file = path.join(others, "scheduler.json");
    const gate = path.join(others, "gate");
    const scheduler = await startScheduler(disk, file, "--durability", durability);
    await startWorker(file);
    const [client, other] = [await connect(file), await connect(file)];
    const running = client.submit("untilFile", gate);
    const queue = client.queue<string>("work");
    await queue.put("before");
    const lease = await other.lock("db").acquire();
    // Waits for the only thread.
    const accepted = client.submit("echo", "accepted");
    await client.info();

    const ballast = path.join(disk, "ballast");
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 64 * 1024));
    const large = "x".repeat(200_000);
    const futures = Array.from({ length: 40 }, () => client.submit("echo", large));
    const dependent = client.submit("echo", futures.at(-1)!);
    const errors = await Promise.all(futures.map((each) => each.exception({ timeoutMs: 5_000 })));
    const refused = errors.filter((error) => error instanceof OverloadedError);
    expect(refused).toHaveLength(errors.length);
    expect(refused[0]).toMatchObject({ code: "overloaded", retriable: true });
    expect(refused[0]!.message).toMatch(/again later.*the disk of its journal is full/);
    expect(await dependent.exception()).toBeInstanceOf(OverloadedError);
    expect(await client.submit("echo", dependent).exception()).toBeInstanceOf(OverloadedError);
    await expect(queue.put("now")).rejects.toThrow(OverloadedError);
    await expect(other.publish("name", 1)).rejects.toThrow(OverloadedError);
    await expect(other.scatter([1, 2])).rejects.toThrow(OverloadedError);
    expect(scheduler.stderr).toMatch(/nothing new is taken until there is room: cannot write/);
    // What needs no room goes on.
    expect((await other.info()).clients).toBe(2);
    lease.release();
    (await client.lock("db").acquire()).release();
    writeFileSync(gate, "open");
    expect(await running.result()).toBe(gate);
    expect(await accepted.result()).toBe("accepted");
    expect(await queue.get()).toBe("before");

    await scheduler.end("SIGKILL");
    const successor = await startScheduler(disk, file, "--durability", durability);
    expect(await other.submit("echo", large).exception()).toBeInstanceOf(OverloadedError);
    expect((await other.info()).tasks).toMatchObject({ ready: 0, running: 0 });
    rmSync(ballast);
    await successor.wrote(/there is room for the journal again: the scheduler goes on/);
    const again = futures.slice(0, 5).map(() => client.submit("echo", large));
    const values = (await client.gather(again)) as string[];
    expect(values.map(({ length }) => length)).toEqual(again.map(() => large.length));
    await queue.put("after");
    expect(await queue.getBatch(9)).toEqual(["after"]);
    const lines = successor.stderr.split("\n").filter((line) => line.includes("room"));
    expect(lines).toHaveLength(2);

    await successor.end("SIGKILL");
    await startScheduler(disk, file, "--durability", durability);
    expect(await client.submit("echo", again[0]!).result()).toHaveLength(large.length);
  },
);

test(
  "a scheduler begins on a full disk, and on a read-only one it says what is wrong",
  async (context) => {
    const disk = mount(context, "12m");
    const file = path.join(tmpdir(), `thence-full-${process.pid}.json`);
    onTestFinished(() => rmSync(file, { force: true }));
    const first = await startScheduler(disk, file);
    await first.wrote(/./);
    const client = await connect(file);
    await client.info();
    await first.end("SIGKILL");
    const ballast = path.join(disk, "ballast");
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    const second = await startScheduler(disk, file);
    await second.wrote(/nothing new is taken until there is room/);
    expect(await client.submit("echo", 1).exception()).toBeInstanceOf(OverloadedError);
    rmSync(ballast);
    await second.wrote(/there is room for the journal again/);
    client.submit("echo", 1);
    expect((await client.info()).tasks.ready).toBe(1);
    await second.end("SIGTERM");

    execFileSync("mount", ["-o", "remount,ro", disk]);
    const third = thence(["scheduler", "--port", "0", "--journal", path.join(disk, "journal")]);
    const { how, stderr } = await third.ended;
    expect(how).toBe(2);
    expect(stderr).toMatch(/cannot lock the journal .*: the file system is read-only/);
  },
  2 * patientMs,
);
