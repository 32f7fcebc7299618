// Whoever connects to a daemon and then says nothing: at each stage of a connection there is an end to that.

import { once } from "node:events";
import { connect as connectTo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { transferAddress } from "../../src/transfer/messages.ts";
import { node } from "../processes.ts";
import { provenWebSocket } from "../proven.ts";
import { cleanUp, connect, patientMs, startScheduler, tasks, type Scheduler } from "./daemons.ts";

/** For values; the deadlines of the other stages are as they are for users. */
const stallMs = 2_000;

let scheduler: Scheduler;
let addresses: Record<string, string>;
beforeAll(async () => {
  scheduler = await startScheduler({ stallMs });
  const { url, token } = scheduler;
  const options = { url, token, name: "one", threads: 1, modules: [{ path: tasks }], stallMs };
  const fixture = path.join(import.meta.dirname, "fixtures", "worker.ts");
  await node([fixture, JSON.stringify(options)]).wrote(/joined the scheduler/);
  const client = await connect(scheduler);
  const [worker] = await client.workers();
  addresses = { scheduler: url, relay: transferAddress(url), worker: worker!.address! };
}, patientMs);
afterAll(cleanUp, patientMs);

/** What a stranger, and then who knows the token, does at each stage: the socket that is to be closed. */
const stages = {
  connects: (url: string) => connectTo(Number(new URL(url).port), "127.0.0.1"),
  "begins a request": (url: string) => {
    const socket = stages.connects(url);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n");
    return socket;
  },
  "opens a WebSocket": (url: string) => new WebSocket(url),
  "proves the token": (url: string) => provenWebSocket(url, scheduler.token),
};

test.concurrent.for(Object.keys(stages) as (keyof typeof stages)[])(
  "who %s",
  { timeout: patientMs },
  async (stage) => {
    const closed = Object.values(addresses).map(async (url) => {
      const socket = await stages[stage](url);
      socket.on("error", () => undefined);
      await once(
        socket.on("data", () => undefined),
        "close",
      );
    });
    await Promise.all(closed);
    expect(scheduler.program.isRunning).toBe(true);
  },
);
