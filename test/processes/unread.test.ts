// Clients that ask for much and read nothing of it, or read without a word that they have. A scheduler with a small heap
// lives, and serves a bystander who comes meanwhile.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createConnection } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { viewTokenOf } from "../../src/meeting/token.ts";
import { provenWebSocket } from "../proven.ts";
import {
  addCleanUp,
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  type Scheduler,
} from "./daemons.ts";
import { clientHello } from "./raw-peer.ts";

type Tasks = typeof import("./fixtures/tasks.ts");
const mebibyte = 2 ** 20;
/** As many as one answer may list. */
const tasks = 10_000;
const clients = 60;

let scheduler: Scheduler;

async function startCluster(options: { journal?: string }): Promise<void> {
  scheduler = await startScheduler({ memoryLimit: 64 * mebibyte, ...options }, [
    "--max-old-space-size=160",
  ]);
  const client = await connect<Tasks>(scheduler);
  // So that they are there to be listed.
  const numbers = Array.from({ length: tasks }, (_, index) => index);
  client.with({ workers: ["nowhere"] }).map("add", numbers, numbers);
  expect((await client.tasks({ limit: tasks })).length).toBe(tasks);
  await startWorker(scheduler, { name: "w1" });
}
afterEach(cleanUp, patientMs);

/** A client that said hello, and was welcomed. */
async function rawClient(index: number): Promise<WebSocket> {
  const socket = await provenWebSocket(scheduler.url, scheduler.token);
  addCleanUp(async () => socket.terminate());
  socket.on("error", () => undefined);
  socket.send(JSON.stringify({ ...clientHello, id: `unread-${index}`, name: `unread-${index}` }));
  await once(socket, "message");
  return socket;
}

const rawClients = () =>
  Promise.all(Array.from({ length: clients }, (_, index) => rawClient(index)));

/** Frames of questions, each with these. */
function ask(socket: WebSocket, frames: number, questions: readonly object[]): void {
  let id = 0;
  for (let frame = 0; frame < frames; frame += 1) {
    const numbered = questions.map((question) => ({ ...question, id: (id += 1) }));
    socket.send(JSON.stringify([0, ...numbered]));
  }
}

async function expectServed(): Promise<void> {
  const bystander = await connect<Tasks>(scheduler);
  expect(await bystander.submit("add", 1, 10).result({ timeoutMs: patientMs })).toBe(11);
  expect(scheduler.program.isRunning).toBe(true);
}

const list = { type: "tasks", limit: tasks };

test("long answers over HTTP", { timeout: 2 * patientMs }, async () => {
  await startCluster({});
  const token = viewTokenOf(scheduler.token);
  const request = `GET /api/tasks?limit=${tasks} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer ${token}\r\n\r\n`;
  for (let index = 0; index < 400; index += 1) {
    const socket = createConnection(scheduler.port, "127.0.0.1");
    addCleanUp(async () => socket.destroy());
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(request.repeat(5));
  }
  await expectServed();
});

describe.each(["without a journal", "with a journal"])("%s", (how) => {
  beforeEach(async () => {
    if (how === "without a journal") return startCluster({});
    const folder = await mkdtemp(path.join(tmpdir(), "thence-unread-"));
    addCleanUp(() => rm(folder, { recursive: true }));
    await startCluster({ journal: path.join(folder, "journal") });
  }, patientMs);

  test("long answers to many frames of a question each", { timeout: 2 * patientMs }, async () => {
    for (const socket of await rawClients()) {
      socket.pause();
      ask(socket, 200, [list]);
    }
    await expectServed();
  });

  test("long answers to the questions of one frame", { timeout: 2 * patientMs }, async () => {
    for (const socket of await rawClients()) {
      socket.pause();
      ask(socket, 4, Array<object>(200).fill(list));
    }
    await expectServed();
  });

  test("questions of clients that leave at once", { timeout: 2 * patientMs }, async () => {
    for (const socket of await rawClients()) {
      ask(socket, 200, [list]);
      socket.close();
    }
    await expectServed();
  });

  test("short answers that nobody acknowledges", { timeout: 2 * patientMs }, async () => {
    for (const socket of await rawClients()) {
      socket.on("message", () => undefined);
      ask(socket, 2_000, Array<object>(20).fill({ type: "ping" }));
    }
    await expectServed();
  });
});
