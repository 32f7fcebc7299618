// What is fuzzed: a scheduler with its relay and a worker with its port for values, in this process, so that
// many frames need no network and the core can be looked at; and a client that means well and goes on working.

import { Clockwork } from "../../scheduler/clockwork.ts";
import { checkInvariants } from "../../scheduler/core/invariants.ts";
import type { State } from "../../scheduler/core/state.ts";
import { Relay } from "../../scheduler/relay.ts";
import { startServer } from "../../scheduler/server.ts";
import { Sessions } from "../../scheduler/sessions.ts";
import type { Client } from "../../src/index.ts";
import { openProven } from "../../src/link/open.ts";
import type { Socket } from "../../src/link/socket.ts";
import type { Log } from "../../src/log.ts";
import type { Want } from "../../src/transfer/messages.ts";
import { startWorker } from "../../worker/main.ts";
import { startPeerServer } from "../../worker/results/peer-server.ts";
import { addCleanUp, arithmetic, behaviours, connect } from "../processes/daemons.ts";
import type { Port } from "./handshakes.ts";
import type { Target } from "./transfer-peer.ts";

/** Values that are there to be asked for, of so many bytes each. */
const values = 8;
const valueBytes = 20_000;
/** Little: if what was reserved for fuzzed peers were not given back, the worker would soon take no tasks. */
const memoryBytes = 64 * 1024 * 1024;

export type Arena = {
  readonly client: Client;
  readonly sessions: Sessions;
  readonly relay: Target;
  readonly worker: Target;
  readonly ports: { readonly scheduler: Port; readonly worker: Port };
  readonly state: () => State;
  readonly steps: () => number;
  /** What must not happen: broken invariants, and errors in a log. */
  readonly problems: string[];
};

export async function startArena(): Promise<Arena> {
  const token = "for-the-well-meaning";
  const problems: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warning: (text) => {
      if (/internal error|broken invariant|\n {4}at /.test(text)) problems.push(text);
    },
    error: (text) => {
      // Tasks of fuzzed clients fail, and nobody waits for them.
      if (!/^a task failed that nobody waits for|tasks that failed while nobody waited/.test(text))
        problems.push(text);
    },
  };
  let state: State | undefined;
  let steps = 0;
  const clockwork = new Clockwork({
    core: { graceMs: 30, unknownTaskTimeoutMs: 20, smallResultBytes: 1_000 },
    log,
    stepped: (current) => {
      state = current;
      steps += 1;
      // Every step would take most of the time, and what is broken stays so for a while.
      if (steps % 5 !== 0) return;
      try {
        checkInvariants(current);
      } catch (error) {
        problems.push((error as Error).stack!);
      }
    },
  });
  const sessions = new Sessions({ id: "fuzzed", clockwork, heartbeatMs: 1_000, log });
  const relay = new Relay({ clockwork, token, open: openProven });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    token,
    accept: (socket, peer, right) => sessions.accept(socket, peer.address, right),
    acceptData: (socket) => relay.accept(socket),
  });
  addCleanUp(async () => {
    clockwork.stop();
    await sessions.close("over");
    relay.close();
    await server.close();
  });
  const url = `ws://127.0.0.1:${server.port}`;
  let acceptAtWorker: ((socket: Socket) => void) | undefined;
  let address = "";
  const worker = await startWorker({
    target: { describe: url, find: () => Promise.resolve({ url, token }) },
    // Functions that nobody else has.
    modules: [
      { name: "good", path: arithmetic },
      { name: "held", path: behaviours },
    ],
    name: "good",
    threads: 1,
    memoryBytes,
    log,
    async listen(accept) {
      acceptAtWorker = accept;
      const turnedAway = () => undefined;
      const host = "127.0.0.1";
      const peers = await startPeerServer({
        host,
        warn: turnedAway,
        token: () => token,
        accept,
        turnedAway,
      });
      ({ address } = peers);
      return peers;
    },
  });
  addCleanUp(() => worker.stop());
  const client: Client = await connect({ url, token });
  const held = client.map(
    "held.bytes",
    Array.from({ length: values }, () => valueBytes),
  );
  await client.wait(held);
  const wants = held.map(({ key }): Want => {
    const task = state!.tasks.get(key)!;
    return { key, order: task.order, attempt: task.attempt };
  });
  return {
    client,
    sessions,
    problems,
    state: () => state!,
    steps: () => steps,
    relay: {
      accept: (socket) => relay.accept(socket),
      wants,
      to: [address, "ws://127.0.0.1:1/data"],
    },
    worker: { accept: (socket) => acceptAtWorker!(socket), wants, to: [] },
    ports: {
      scheduler: { port: server.port, token, paths: ["/", "/data", "/api/info", "/health"] },
      worker: { port: Number(new URL(address).port), token, paths: ["/data"] },
    },
  };
}

export async function expectRightAnswers(client: Client, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const sums = client.map("good.add", numbers, numbers);
  const differences = client.map("good.sub", sums, numbers);
  const answers = await client.gather(differences);
  client.release([...sums, ...differences]);
  if (JSON.stringify(answers) !== JSON.stringify(numbers)) {
    throw new Error(`the answers are wrong: ${JSON.stringify(answers)}`);
  }
}
