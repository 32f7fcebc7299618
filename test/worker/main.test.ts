// A whole worker against a scheduler that says what the test has it say, over sockets in memory.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { awaitHello, refuse, welcome } from "../../src/link/accept.ts";
import { checkFromWorker } from "../../src/wire/check.ts";
import { ConnectionError } from "../../src/errors/errors.ts";
import { Link } from "../../src/link/link.ts";
import { decode, encode, type Payload } from "../../src/payload/payload.ts";
import type { FromWorker, StoredAtWorker, ToWorker, WorkerHello } from "../../src/wire/protocol.ts";
import { cut, memorySocketPair, type MemorySocket } from "../src/link/socket-memory.ts";
import { ModuleError, startWorker, type WorkerOptions } from "../../worker/main.ts";
import { fixture } from "./calls-under-test.ts";

class FakeScheduler {
  readonly heard: FromWorker[] = [];
  readonly hellos: WorkerHello[] = [];
  link: Link<FromWorker, ToWorker> | undefined;
  /** What it does with the next hello. */
  next: "resume" | "forget" | "reject" | "ignore" = "forget";
  ended = false;
  frameBytes = 1_000_000;
  graceMs = 30_000;
  #sockets: [MemorySocket, MemorySocket] | undefined;
  #watchers: (() => void)[] = [];

  readonly open = async (): Promise<MemorySocket> => {
    this.#sockets = memorySocketPair();
    const [near, far] = this.#sockets;
    void this.#accept(far);
    return near;
  };

  async #accept(socket: MemorySocket): Promise<void> {
    const hello = (await awaitHello(socket)) as WorkerHello;
    this.hellos.push(hello);
    this.wake();
    if (this.next === "ignore") return socket.terminate();
    if (this.next === "reject") return refuse(socket, "rejected", "choose another name");
    const resumed = this.next === "resume";
    if (!resumed) this.link = this.#newLink();
    const { frameBytes, graceMs } = this;
    const { received } = this.link!;
    const facts = { scheduler: "s", heartbeatMs: 5_000, smallResultBytes: 65_536, frameBytes };
    welcome(socket, { ...facts, resumed, received, graceMs });
    this.link!.attach(socket, resumed ? hello.received : 0);
    this.wake();
  }

  #newLink(): Link<FromWorker, ToWorker> {
    return new Link({
      check: checkFromWorker,
      heartbeatMs: 5_000,
      on: {
        messages: (batch) => {
          this.heard.push(...batch);
          this.wake();
        },
        down: () => undefined,
        ended: () => {
          this.ended = true;
          this.wake();
        },
      },
    });
  }

  drop(): void {
    cut(this.#sockets!);
  }

  /** With `announce`, the call is reported as started however short it is. */
  run(name: string, key: string, args: unknown[], options: { announce?: boolean } = {}): void {
    const { payload } = encode(args);
    const call = { name, keys: [key], attempts: [1], args: [payload] };
    this.link!.send({ type: "run", ...call, ...options });
  }

  /** The reports of finished calls by key: their values as they came, or their sizes. */
  get reported(): Record<string, Payload | StoredAtWorker> {
    const finished = this.heard.filter((message) => message.type === "finished");
    return Object.fromEntries(
      finished.flatMap(({ keys, values }) => keys.map((key, index) => [key, values[index]!])),
    );
  }

  /** Values by key. */
  get values(): Record<string, unknown> {
    const reported = Object.entries(this.reported);
    return Object.fromEntries(reported.map(([key, value]) => [key, decode(value as Payload)]));
  }

  types(): string[] {
    return this.heard.map(({ type }) => type);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

async function start(scheduler: FakeScheduler, options: Partial<WorkerOptions> = {}) {
  const worker = await startWorker({
    target: { describe: "the fake", find: async () => ({ url: "ws://fake", token: undefined }) },
    modules: [{ path: fixture("behaviours.ts") }],
    name: "w0",
    threads: 2,
    open: scheduler.open,
    ...options,
  });
  onTestFinished(() => worker.stop());
  return worker;
}

describe("a worker", () => {
  test("says what it is and has, runs what it is sent, and answers", async () => {
    const scheduler = new FakeScheduler();
    const worker = await start(scheduler, { concurrency: 3, resources: { gpu: 1 }, tags: ["x"] });
    expect(worker).toMatchObject({ name: "w0", slots: 6 });
    expect(scheduler.hellos[0]).toMatchObject({
      role: "worker",
      name: "w0",
      pid: process.pid,
      threads: 2,
      slots: 6,
      resources: { gpu: 1 },
      tags: ["x"],
      functions: worker.functions,
    });
    scheduler.run("echo", "a", [{ deep: [new Date(5)] }]);
    await scheduler.until(() => "a" in scheduler.values);
    expect(scheduler.values.a).toEqual({ deep: [new Date(5)] });
  });

  test("that is stopped says so, lets running tasks finish, gives the others back, says goodbye", async () => {
    const scheduler = new FakeScheduler();
    const worker = await start(scheduler, { threads: 1 });
    const file = path.join(mkdtempSync(path.join(tmpdir(), "thence-test-")), "end");
    onTestFinished(() => rmSync(path.dirname(file), { recursive: true }));
    // Said once it has executed for a while. What is announced is said to have started just before it does.
    scheduler.run("untilFile", "runs", [file]);
    scheduler.run("untilFile", "waits", [file]);
    await scheduler.until(() => scheduler.types().includes("started"));
    const stopped = worker.stop("enough");
    await scheduler.until(() => scheduler.types().includes("withdrawn"));
    writeFileSync(file, "");
    await stopped;
    await worker.ended;
    await scheduler.until(() => scheduler.ended);
    expect(scheduler.heard.slice(1)).toMatchObject([
      { type: "leaving", reason: "enough" },
      { type: "withdrawn", keys: ["waits"] },
      { type: "finished", keys: ["runs"] },
    ]);
  });

  test("that is stopped does not wait for ever: what still runs then is given back", async () => {
    const scheduler = new FakeScheduler();
    const worker = await start(scheduler, { drainTimeoutMs: 100 });
    scheduler.run("spin", "endless", []);
    await scheduler.until(() => scheduler.types().includes("started"));
    await Promise.all([worker.stop(), worker.stop()]);
    await scheduler.until(() => scheduler.ended);
    expect(scheduler.heard.slice(1)).toMatchObject([
      { type: "leaving" },
      { type: "stopped", keys: ["endless"] },
    ]);
  });

  test("loses nothing by a link that drops and comes back", async () => {
    const scheduler = new FakeScheduler();
    await start(scheduler);
    scheduler.run("pause", "a", [120], { announce: true });
    await scheduler.until(() => scheduler.types().includes("started"));
    scheduler.next = "resume";
    scheduler.drop();
    await scheduler.until(() => "a" in scheduler.values);
    expect(scheduler.types()).toEqual(["started", "finished"]);
    expect(scheduler.hellos).toHaveLength(2);
    expect(scheduler.hellos[1]!.id).toBe(scheduler.hellos[0]!.id);
  });

  test("drops what it runs and starts anew when the scheduler does not know it any more", async () => {
    const scheduler = new FakeScheduler();
    await start(scheduler);
    scheduler.run("waitForSignal", "old", []);
    await scheduler.until(() => scheduler.types().includes("started"));
    scheduler.heard.length = 0;
    scheduler.drop();
    await scheduler.until(() => scheduler.hellos.length === 2 && scheduler.link!.state === "up");
    scheduler.run("echo", "old", ["and new"]);
    await scheduler.until(() => "old" in scheduler.values);
    expect(scheduler.values).toEqual({ old: "and new" });
    expect(scheduler.types()).toEqual(["finished"]);
  });

  test("that loses its scheduler for good ends with the reason", async () => {
    const scheduler = new FakeScheduler();
    scheduler.graceMs = 200;
    // It may take as long to find it at first, with its modules loaded.
    const worker = await start(scheduler, { deathTimeoutMs: 2_000 });
    scheduler.run("waitForSignal", "a", []);
    await scheduler.until(() => scheduler.types().includes("started"));
    scheduler.next = "ignore";
    scheduler.drop();
    await expect(worker.ended).rejects.toThrow(ConnectionError);
    await worker.stop();
  });

  test("keeps a result larger than a frame, and says its size", async () => {
    const scheduler = new FakeScheduler();
    await start(scheduler);
    scheduler.run("bytes", "large", [2_000_000]);
    scheduler.run("bytes", "small", [3]);
    await scheduler.until(() => Object.keys(scheduler.reported).length === 2);
    expect(scheduler.reported.large).toEqual({ bytes: 2_000_018 });
    expect(decode(scheduler.reported.small as Payload)).toEqual(new Uint8Array([7, 7, 7]));
    // Without it the worker would wait for its result to be moved to another.
    scheduler.link!.send({ type: "farewell" });
  });

  test("does not start when the scheduler will not have it, or a module cannot be used", async () => {
    const scheduler = new FakeScheduler();
    scheduler.next = "reject";
    await expect(start(scheduler)).rejects.toThrow("choose another name");
    const modules = [{ path: fixture("modules/broken.ts") }];
    await expect(start(scheduler, { modules })).rejects.toThrow(ModuleError);
    await expect(start(scheduler, { threads: 0 })).rejects.toThrow(RangeError);
    expect(scheduler.hellos).toHaveLength(1);
  });

  test("says once that nobody answers, though each attempt has another time", async () => {
    const lines: string[] = [];
    const note = (text: string) => void lines.push(text);
    let attempts = 0;
    const looking = start(new FakeScheduler(), {
      deathTimeoutMs: 300,
      log: { debug: note, info: note, warning: note, error: note },
      open: () => Promise.reject(new ConnectionError(`no answer within ${++attempts}.5 s`)),
    });
    await expect(looking).rejects.toThrow("no answer within");
    expect(attempts).toBeGreaterThan(1);
    expect(lines.filter((line) => line.includes("waiting for"))).toHaveLength(1);
  });

  test("gives up looking for a scheduler when told to", async () => {
    const scheduler = new FakeScheduler();
    scheduler.next = "ignore";
    const stop = new AbortController();
    const begun = start(scheduler, { signal: stop.signal });
    await scheduler.until(() => scheduler.hellos.length > 0);
    stop.abort(new Error("SIGTERM"));
    await expect(begun).rejects.toThrow("SIGTERM");
  });
});
