// A client, a scheduler and a worker over real links, on sockets in memory and a clock that stands
// still: so everything that crosses a socket can be counted, and is the same every time. The worker
// answers each task by itself, through the reports that a real one makes.

import { Client } from "../../client/client.ts";
import { Session } from "../../client/session.ts";
import { Clockwork } from "../../scheduler/clockwork.ts";
import { Sessions } from "../../scheduler/sessions.ts";
import { checkToClient, checkToWorker } from "../../src/wire/check.ts";
import { systemClock } from "../../src/link/clock.ts";
import { readFrame } from "../../src/wire/frame.ts";
import { dial, type HelloFacts } from "../../src/link/dial.ts";
import { memorySocketPair, type MemorySocket } from "../src/link/socket-memory.ts";
import type { Link } from "../../src/link/link.ts";
import { silentLog } from "../../src/log.ts";
import type { FromClient, FromWorker, ToClient, ToWorker } from "../../src/wire/protocol.ts";
import { Reports } from "../../worker/reports.ts";
import { VirtualClock } from "../src/link/virtual-clock.ts";

/** What crossed one way: messages inside frames, frames, and their bytes. */
export type Count = { messages: number; frames: number; bytes: number };
export type Way = "client→scheduler" | "scheduler→worker" | "worker→scheduler" | "scheduler→client";

/** A deliberate slowdown, to show that it is seen. */
export type Slowdown = "one task per message" | "an extra message per task";

const clock = systemClock as unknown as VirtualClock;

export class CountedCluster {
  readonly client: Client;
  readonly #counts = new Map<Way, Count>();

  /** The module `src/link/clock.ts` has to be replaced by a virtual clock beforehand. */
  static async start(slowdown?: Slowdown): Promise<CountedCluster> {
    if (!(clock instanceof VirtualClock)) throw new Error("the clock of the links is a real one");
    const session = new Session();
    const cluster = new CountedCluster(new Client(session));
    const clockwork = new Clockwork({ core: {}, log: silentLog });
    const sessions = new Sessions({ id: "s", clockwork, heartbeatMs: 3_000, log: silentLog });
    const accept = (socket: MemorySocket) => sessions.accept(socket, "memory", "full");

    const worker = cluster.#dial<ToWorker, FromWorker>({
      ways: ["worker→scheduler", "scheduler→worker"],
      hello: {
        role: "worker",
        id: "w",
        name: "w",
        host: "host",
        pid: process.pid,
        threads: 2,
        slots: 2,
        resources: {},
        functions: ["add"],
      },
      check: checkToWorker,
      messages: (batch) => {
        for (const message of batch) if (message.type === "run") run(message);
      },
      accept,
    });
    const toScheduler = outletOf(await cluster.#settled(worker), slowdown);
    const reports = new Reports(toScheduler);
    const run = ({ keys, attempts }: Extract<ToWorker, { type: "run" }>) => {
      keys.forEach((key, index) => {
        const attempt = { key, attempt: attempts[index]! };
        if (slowdown === "an extra message per task") reports.started(attempt);
        reports.finished(attempt, "1", 1);
      });
    };

    const link = await cluster.#settled(
      cluster.#dial<ToClient, FromClient>({
        ways: ["client→scheduler", "scheduler→client"],
        hello: { role: "client", id: session.id, name: "c" },
        check: checkToClient,
        messages: (batch) => session.events.messages(batch),
        accept,
      }),
    );
    session.attach(
      Object.assign(outletOf(link, slowdown), {
        welcome: link.welcome,
        close: () => link.close(),
      }),
    );
    return cluster;
  }

  private constructor(client: Client) {
    this.client = client;
  }

  /** What crosses while something is under way, by the way it goes. */
  async counting(work: () => Promise<unknown>): Promise<Record<Way, Count>> {
    this.#counts.clear();
    await this.#settled(work());
    return Object.fromEntries(this.#counts) as Record<Way, Count>;
  }

  #settled<Value>(value: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    value.then(settle, settle);
    return clock.advance(60_000, () => isSettled).then(() => value);
  }

  #dial<In, Out extends object>(options: {
    ways: [up: Way, down: Way];
    hello: HelloFacts;
    check: (value: unknown) => In;
    messages: (batch: In[]) => void;
    accept: (socket: MemorySocket) => void;
  }) {
    const { ways, hello, check, messages, accept } = options;
    return dial<In, Out>({
      target: () => Promise.resolve({ url: "memory:", token: undefined }),
      describeTarget: "memory",
      timeoutMs: 5_000,
      clock,
      hello: () => hello,
      check,
      on: { messages, down() {}, up() {}, reset() {}, lost() {} },
      open: () => {
        const [here, there] = memorySocketPair({ clock });
        this.#count(here, ways[0]);
        this.#count(there, ways[1]);
        accept(there);
        return Promise.resolve(here);
      },
    });
  }

  #count(socket: MemorySocket, way: Way): void {
    const send = socket.send.bind(socket);
    socket.send = (data) => {
      send(data);
      // Not the hello, nor its answer, nor a frame that only acknowledges.
      if (typeof data === "string" && !data.startsWith("[")) return;
      const { messages } = readFrame(data);
      if (messages.length === 0) return;
      const count = this.#counts.get(way) ?? { messages: 0, frames: 0, bytes: 0 };
      count.messages += messages.length;
      count.frames += 1;
      count.bytes += data.length;
      this.#counts.set(way, count);
    };
  }
}

/** What is said on a link, joined to what has not left yet unless that is what is slowed down. */
function outletOf<In, Out extends object>(link: Link<In, Out>, slowdown: Slowdown | undefined) {
  return {
    send: (message: Out) => link.send(message),
    get lastUnsent() {
      return slowdown === "one task per message" ? undefined : link.lastUnsent;
    },
  };
}
