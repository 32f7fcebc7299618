// What the scheduler is held against: stands where it stands, with the same links to the same client
// and the same zero worker, and only parses and forwards. A submit goes on as a run and a result as
// it came; there is no graph, no state, no check, and no task waits for another.
//
//   relay.ts <scheduler file>

import { hostname } from "node:os";
import { startServer } from "../../scheduler/server.ts";
import { awaitHello, welcome } from "../../src/link/accept.ts";
import { Link } from "../../src/link/link.ts";
import { webSocketUrl } from "../../src/meeting/address.ts";
import { writeSchedulerFile } from "../../src/meeting/scheduler-file.ts";
import { mintToken } from "../../src/meeting/token.ts";
import { limits } from "../../src/wire/limits.ts";
import type { WorkerInfo } from "../../src/wire/facts.ts";
import type { FromClient, FromWorker, ToClient, ToWorker } from "../../src/wire/protocol.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { Socket } from "../../src/link/socket.ts";
import { answerQuestions } from "../runner/questions.ts";

const [schedulerFile = ""] = process.argv.slice(2);
const host = "127.0.0.1";
const id = "relay";
const heartbeatMs = 3_000;

let toClient: Link<FromClient, ToClient> | undefined;
let toWorker: Link<FromWorker, ToWorker> | undefined;

async function accept(socket: Socket): Promise<void> {
  const hello = await awaitHello(socket);
  if (hello === undefined) return;
  welcome(socket, {
    scheduler: id,
    resumed: false,
    received: 0,
    heartbeatMs,
    graceMs: 0,
    smallResultBytes: 64 * 1024,
    frameBytes: limits.frameBytes,
  });
  const on = <In>(hear: (message: In) => void) => ({
    messages: (batch: In[]) => {
      for (const message of batch) hear(message);
    },
    down: () => undefined,
    ended: () => undefined,
  });
  if (hello.role === "client") {
    toClient = new Link({
      check: (message) => message as FromClient,
      on: on(forward),
      heartbeatMs,
    });
    toClient.attach(socket, 0);
  } else {
    toWorker = new Link({
      check: (message) => message as FromWorker,
      on: on(giveBack),
      heartbeatMs,
    });
    toWorker.attach(socket, 0);
  }
}

function forward(message: FromClient): void {
  if (message.type === "submit") {
    const { name, keys, args } = message;
    const attempts = new Array<number>(keys.length).fill(1);
    toWorker?.send({ type: "run", name, keys, attempts, args });
  } else if (message.type === "workers") {
    // Who asks for the workers waits for them.
    const result = toWorker === undefined ? [] : [workerInfo];
    toClient?.send({ type: "answer", id: message.id, to: "workers", result });
  }
}

const workerInfo: WorkerInfo = {
  ...{ id: "worker", name: "worker", host: hostname(), pid: 0, threads: 1, slots: 1 },
  ...{ tasks: 0, finished: 0, resources: {}, tags: [], functions: [], status: "up", joinedAt: 0 },
  held: { results: 0, bytes: 0 },
};

function giveBack(message: FromWorker): void {
  if (message.type !== "finished") return;
  toClient?.send({ type: "finished", keys: message.keys, values: message.values as Payload[] });
}

const token = mintToken();
const server = await startServer({ host, port: 0, token, accept: (socket) => void accept(socket) });
await writeSchedulerFile(schedulerFile, {
  id,
  urls: [webSocketUrl(host, server.port)],
  token,
  pid: process.pid,
  host: hostname(),
  version: "relay",
  startedAt: new Date().toISOString(),
});

/** Answers once it listens. */
answerQuestions(async () => undefined);
