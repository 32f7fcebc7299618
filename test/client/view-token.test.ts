// A client with the view token: it sees all of the cluster, and can neither change it nor read a value.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Client } from "../../client/client.ts";
import { startScheduler, type RunningScheduler } from "../../scheduler/main.ts";
import { startWorker, type RunningWorker } from "../../worker/main.ts";
import { ConnectionError, PermissionError } from "../../src/errors/errors.ts";
import { openProven } from "../../src/link/open.ts";
import { viewTokenOf } from "../../src/meeting/token.ts";
import { transferAddress } from "../../src/transfer/messages.ts";
import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import { provenWebSocket } from "../proven.ts";

let folder: string;
let scheduler: RunningScheduler;
let worker: RunningWorker;
let owner: Client;
let viewer: Client;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  scheduler = await startScheduler({ port: 0 });
  worker = await startWorkerOf(scheduler.token);
  owner = await Client.connect(scheduler.url, { token: scheduler.token, name: "owner" });
  viewer = await Client.connect(scheduler.url, { token: viewTokenOf(scheduler.token) });
});
afterEach(async () => {
  await viewer.close();
  await owner.close();
  await worker.stop();
  await scheduler.stop();
  await rm(folder, { recursive: true });
});

function startWorkerOf(token: string): Promise<RunningWorker> {
  const { url } = scheduler;
  return startWorker({
    target: { describe: url, find: async () => ({ url, token }) },
    modules: [{ path: path.join(import.meta.dirname, "..", "fixtures", "arithmetic.ts") }],
    name: "one",
    threads: 1,
    localDirectory: folder,
  });
}

test("goes on when it was refused to shut the scheduler down", async () => {
  await expect(viewer.shutdown()).rejects.toThrow(PermissionError);
  await expect(viewer.shutdown({ reason: 5 } as never)).rejects.toThrow(TypeError);
  expect((await viewer.info()).workers).toBe(1);
});

test("looks at everything", async () => {
  const future = owner.submit("add", 1, 10);
  expect(await future.result()).toBe(11);
  expect((await viewer.info()).totals.finished).toBe(1);
  expect((await viewer.workers()).map(({ name }) => name)).toEqual(["one"]);
  expect(await viewer.explain(future.key)).toMatchObject({ key: future.key });
  expect(await viewer.tasks()).toHaveLength(1);
  expect(await viewer.schedules()).toEqual([]);
  const events = viewer.events()[Symbol.asyncIterator]();
  const first = events.next();
  // The scheduler has begun the feed when it answers what was asked after it.
  await viewer.info();
  owner.submit("add", 1, 1).release();
  expect((await first).done).toBe(false);
  await events.return?.();
});

test("changes nothing, and reads no value: every call says that the full token is needed", async () => {
  const kept = owner.with({ keepMs: 60_000 }).submit("add", 2, 3);
  await owner.publish("name", 5);
  const refused = async (call: () => unknown) => {
    const error: unknown = await Promise.resolve()
      .then(call)
      .catch((error: unknown) => error);
    expect(error, String(call)).toBeInstanceOf(PermissionError);
    expect((error as Error).message).toMatch(/full token/);
  };
  await refused(() => viewer.submit("add", 1, 1).result());
  await refused(() => viewer.submit("add", viewer.submit("add", 1, 1), 1).result());
  await refused(() => Promise.all(viewer.map("add", [1, 2], [3, 4]).map((each) => each.result())));
  await refused(() => viewer.future(kept.key).result());
  await refused(() => viewer.scatter([1]));
  await refused(() => viewer.publish("mine", 1));
  await refused(() => viewer.published("name"));
  await refused(() => viewer.unpublish("name"));
  await refused(() => viewer.schedule("often", { everyMs: 1_000 }, "add", 1, 1));
  await refused(() => viewer.unschedule("often"));
  await refused(() => viewer.lock("l").acquire());
  await refused(() => viewer.queue("q").put(1));
  await refused(() => viewer.variable("v").get());
  await refused(() => viewer.retireWorkers(["one"]));
  await refused(() => viewer.restart());
  // None of this ended its session, nor anybody else's.
  expect((await viewer.info()).workers).toBe(1);
  await refused(() => viewer.shutdown());
  expect(await owner.submit("add", 1, 1).result()).toBe(2);
});

test("opens no socket for values, at the worker or at the scheduler", async () => {
  const [{ address } = { address: "" }] = await viewer.workers();
  const token = viewTokenOf(scheduler.token);
  for (const url of [address!, transferAddress(scheduler.url)]) {
    await expect(openProven({ url, token }, { timeoutMs: 5_000 })).rejects.toThrow(
      /a view token is not enough/,
    );
  }
});

test("starts no worker", async () => {
  const joining = startWorkerOf(viewTokenOf(scheduler.token));
  await expect(joining).rejects.toThrow(ConnectionError);
  await expect(joining).rejects.toThrow("give the worker the full token");
  expect(await owner.workers()).toHaveLength(1);
});

test("takes the place of no other peer, whose id it may know", async () => {
  const [{ id } = { id: "" }] = await viewer.workers();
  const webSocket = await provenWebSocket(scheduler.url, viewTokenOf(scheduler.token));
  const answered = new Promise<string>((resolve) => {
    webSocket.once("message", (data: Buffer) => resolve(data.toString()));
  });
  webSocket.send(
    JSON.stringify({
      type: "hello",
      protocol: PROTOCOL_VERSION,
      role: "client",
      id,
      name: "x",
      received: 0,
    }),
  );
  expect(JSON.parse(await answered)).toMatchObject({ type: "refused", code: "rejected" });
  webSocket.terminate();
  expect(await owner.submit("add", 1, 1).result()).toBe(2);
});

test("is no token for a scheduler", async () => {
  const starting = startScheduler({ port: 0, token: viewTokenOf(scheduler.token) });
  await expect(starting).rejects.toThrow("give the scheduler a full token");
});
