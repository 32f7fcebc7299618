// The sessions of the scheduler's peers: assigns new sockets to links, and sends messages to peers.
// Turns the events of links into events of the core, and knows nothing of tasks.

import { awaitHello, refuse, welcome, type Refusal } from "../src/link/accept.ts";
import { checkFromClient, checkFromWorker } from "../src/wire/check.ts";
import type { LinkEvents } from "../src/link/link-options.ts";
import { Link } from "../src/link/link.ts";
import type { Log } from "../src/log.ts";
import { rateLimited } from "../src/rate-limit.ts";
import type { Right } from "../src/wire/rights.ts";
import type {
  ClientHello,
  FromClient,
  FromWorker,
  ToClient,
  ToWorker,
  WorkerHello,
} from "../src/wire/protocol.ts";
import type { Socket, SocketData } from "../src/link/socket.ts";
import type { Carrier, Clockwork } from "./clockwork.ts";
import type { Event } from "./core/step.ts";
import { cutOff, watchFlow, type Links } from "./flow-watch.ts";
import { memoryLimits, type MemoryLimits } from "./memory-limits.ts";
import { Pacing } from "./pacing.ts";
import { peerOf, type Peer, type PeerHello, type WorkerPeer } from "./records.ts";
import { joining, type KeptSession } from "./replica.ts";
import { isLocalProcess, watchProcess } from "./local-process.ts";
import { beatsOfSilence } from "../src/link/heartbeat.ts";
import { clearTimeout, now, setTimeout, timestamp } from "../src/timers.ts";
import { version } from "../src/version.ts";
import type { Origin } from "./write-ahead.ts";

type Session = {
  readonly hello: Peer;
  /** The peer's newest attempt to connect that was admitted. */
  attempt: number;
  readonly link: Link<unknown, ToClient | ToWorker>;
  /** Whether the peer is a worker on this machine, whose process can be watched. */
  readonly isLocal: boolean;
  /** Stops watching the process of a local worker whose link is down. */
  unwatch: () => void;
  /** When another worker has asked for the name of this one. */
  contestedAt: number;
};

/** How long peers look for the next scheduler on the same journal, unless they were told otherwise. */
const longestAbsenceMs = 60 * 60_000;

/** How a worker was lost that left in good order. */
export const saidGoodbye = "it said goodbye";

/** Some milliseconds of work, when they are large. */
const messagesPerPulse = 64;

/** How long to wait for the successor of a supervised worker: its hello says how the worker died. */
const successorMs = 10_000;

export class Sessions implements Carrier {
  readonly #id: string;
  readonly #clockwork: Clockwork;
  readonly #heartbeatMs: number;
  readonly #log: Log;
  readonly #limits: MemoryLimits;
  readonly #pacing: Pacing;
  readonly #stopWatching: () => void;
  /** Of those who are refused many come again and again, as the peers of a stale file do. */
  readonly #refused;
  readonly #sessions = new Map<string, Session>();
  #closed = false;
  #pulsedAt = -Infinity;

  constructor(options: {
    id: string;
    clockwork: Clockwork;
    heartbeatMs: number;
    log: Log;
    /** Default: those of this process. */
    limits?: MemoryLimits;
  }) {
    this.#id = options.id;
    this.#clockwork = options.clockwork;
    this.#heartbeatMs = options.heartbeatMs;
    this.#log = options.log;
    this.#refused = rateLimited(options.log.warning, { what: "refusals" });
    this.#clockwork.carrier = this;
    this.#limits = options.limits ?? memoryLimits();
    this.#pacing = new Pacing(this.#clockwork, this.#limits);
    this.#stopWatching = watchFlow(() => this.#links(), this.#limits);
  }

  /** Reads the hello on a socket that proved a token, and attaches the socket to its session. */
  accept(socket: Socket, address: string, right: Right): void {
    const onRefused = ({ message }: Refusal) => this.#refused.say(`refused ${address}: ${message}`);
    void awaitHello(socket, { onRefused }).then((said) => {
      if (said === undefined) return;
      if (right === "view" && said.role !== "client") {
        onRefused(forWorkers);
        return refuse(socket, forWorkers.code, forWorkers.message);
      }
      const hello = right === "view" ? { ...(said as ClientHello), right } : said;
      if (hello.role === "ended-worker") {
        if (this.#isMeant(hello)) this.#clockwork.handle({ ...hello, type: "worker-ended" });
        return refuse(socket, "noted", "noted");
      }
      const admitted = () => {
        const refusal = this.#refusalOf(hello);
        if (refusal === undefined) return true;
        onRefused(refusal);
        refuse(socket, refusal.code, refusal.message);
        return false;
      };
      if (!admitted()) return;
      if (!this.#clockwork.keeps) return this.#admit(hello, socket, admitted);
      // What the peer said on an earlier socket comes first, and there it says no more.
      this.#sessions.get(hello.id)?.link.leaveSocket();
      this.#clockwork.afterwards(() => {
        if (admitted()) this.#admit(hello, socket, admitted);
      }, hello);
    });
  }

  /** Goes on with the sessions of an earlier process, whose peers have to connect again. */
  inherit(sessions: Iterable<KeptSession>): void {
    for (const { hello, received, acknowledged, messages } of sessions) {
      const session = this.#open(hello);
      session.link.inherit({ received, acknowledged, messages });
      // A client that is busy cannot come back sooner than it would have answered.
      this.#away(hello.id, session, true);
    }
  }

  send(peer: string, messages: readonly (ToClient | ToWorker)[]): void {
    const link = this.#sessions.get(peer)?.link;
    if (link === undefined) return;
    let sent = 0;
    for (const message of messages) {
      if (message.type === "answer") this.#pacing.answer(link, message);
      else link.send(message);
      if (++sent % messagesPerPulse === 0) this.pulse();
    }
  }

  /** Nobody takes a scheduler that is busy for one that is gone: all hear of it as often as ever. */
  pulse(): void {
    if (now() - this.#pulsedAt < this.#heartbeatMs) return;
    this.#pulsedAt = now();
    for (const { link } of this.#sessions.values()) link.beat();
  }

  disconnect(peer: string, why: string): void {
    const session = this.#sessions.get(peer);
    if (session === undefined) return;
    this.#sessions.delete(peer);
    session.unwatch();
    void session.link.close(undefined, why);
  }

  async close(reason: string): Promise<void> {
    this.#closed = true;
    this.#stopWatching();
    this.#refused.flush();
    for (const { unwatch } of this.#sessions.values()) unwatch();
    const links = [...this.#sessions.values()].map(({ link }) => link);
    this.#sessions.clear();
    await Promise.all(links.map((link) => link.close(undefined, reason)));
  }

  /** The peers wait for the next scheduler on the same journal. */
  leave(): void {
    this.#closed = true;
    this.#stopWatching();
    this.#refused.flush();
    for (const { link, unwatch } of this.#sessions.values()) {
      unwatch();
      link.reset();
    }
    this.#sessions.clear();
  }

  /** Ends all sessions for good, also for the next scheduler on the same journal. */
  async end(reason: string): Promise<void> {
    const hellos = [...this.#sessions.values()].map(({ hello }) => hello);
    await this.close(reason);
    for (const hello of hellos) this.#clockwork.handle(leaving(hello, reason));
    await new Promise<void>((resolve) => this.#clockwork.afterwards(resolve));
  }

  /** Memory is nearly used up: ends the session with the client that most waits for. */
  relieve(): void {
    cutOff(this.#links().clients, 1);
  }

  #links(): Links {
    const sessions = [...this.#sessions.values()];
    const linksOf = (role: Peer["role"]) =>
      sessions.filter(({ hello }) => hello.role === role).map(({ link }) => link);
    return { clients: linksOf("client"), workers: linksOf("worker") };
  }

  /** A scheduler file may belong to an earlier scheduler. */
  #isMeant({ scheduler }: { scheduler?: string }): boolean {
    return scheduler === undefined || scheduler === this.#id;
  }

  #refusalOf(hello: PeerHello): Refusal | undefined {
    if (this.#closed) return { code: "unavailable", message: "the scheduler is shutting down" };
    if (!this.#isMeant(hello)) {
      const message = `this is scheduler ${this.#id} and not ${hello.scheduler}: the scheduler file belongs to an earlier one`;
      return { code: "stale", message };
    }
    const known = this.#sessions.get(hello.id);
    if (known !== undefined && rightOf(known.hello) !== rightOf(hello)) {
      // Whoever may only look cannot take the place of another peer, whose id may be known.
      return { code: "rejected", message: "another peer has this id" };
    }
    const { attempt = 0 } = hello;
    if (attempt < (known?.attempt ?? 0)) {
      return { code: "unavailable", message: "a later attempt of this peer has connected already" };
    }
    const why = known === undefined ? this.#whyNoRoom(hello) : undefined;
    if (why !== undefined) return { code: "unavailable", message: why };
    if (hello.role !== "worker") return undefined;
    for (const [id, other] of this.#sessions) {
      if (other.hello.role !== "worker" || other.hello.name !== hello.name) continue;
      if (id === hello.id || other.link.state !== "up" || isSuccessor(hello, other.hello)) continue;
      const holder = `a worker named "${hello.name}" is connected already (${other.hello.host}, process ${other.hello.pid})`;
      if (this.#isThere(other)) {
        return { code: "taken", message: `choose another --name: ${holder}` };
      }
      return { code: "unavailable", message: `${holder}, unless its link is found to be dead` };
    }
    return undefined;
  }

  #whyNoRoom(hello: PeerHello): string | undefined {
    const { sessions: most, waitingBytes } = this.#limits;
    if (this.#clockwork.waitingBytes > waitingBytes) return "its journal waits for the disk";
    if (this.#sessions.size >= most) {
      return `there are ${most} clients and workers, and no more fit into the memory of the scheduler`;
    }
    return this.#clockwork.whyNotJoin(hello);
  }

  /** A link may be dead and seem up. Whether something was heard on it since somebody has asked for the name first. */
  #isThere(session: Session): boolean {
    const { hello } = session;
    if (session.isLocal && hello.role === "worker" && isLocalProcess(hello)) return true;
    // By then a dead link is down.
    const isOver = now() - session.contestedAt > 2 * beatsOfSilence * this.#heartbeatMs;
    if (isOver) session.contestedAt = now();
    return session.link.heardAt > session.contestedAt;
  }

  /** @param admitted whether it is still; refuses it otherwise */
  #admit(hello: PeerHello, socket: Socket, admitted: () => boolean): void {
    const known = this.#sessions.get(hello.id);
    const resumed =
      hello.resumes === this.#id &&
      known?.hello.role === hello.role &&
      (hello.session ?? known.hello.attempt) === known.hello.attempt &&
      known.link.canResume(hello.received);
    if (known && resumed) {
      this.#welcome(known, hello, socket, true);
      const type = hello.role === "client" ? "client-back" : "worker-back";
      this.#clockwork.handle({ type, id: hello.id });
      return;
    }
    if (known) this.#end(hello.id, known, "it reconnected and could not resume its session");
    this.#clockwork.afterwards(() => {
      // Another attempt of the peer was admitted meanwhile, too.
      if (this.#sessions.has(hello.id)) {
        if (admitted()) this.#admit(hello, socket, admitted);
        return;
      }
      const session = this.#open(peerOf(hello));
      // The core's first messages to the peer wait in the link.
      const happened = () => this.#welcome(session, hello, socket, false);
      this.#clockwork.handle(joining(hello), { hello, happened });
    }, hello);
  }

  #welcome(session: Session, hello: PeerHello, socket: Socket, resumed: boolean): void {
    const { graceMs, smallResultBytes } = this.#clockwork.options;
    welcome(socket, {
      scheduler: this.#id,
      resumed,
      received: session.link.received,
      heartbeatMs: this.#heartbeatMs,
      graceMs,
      smallResultBytes,
      frameBytes: this.#limits.frameBytes,
      ...(this.#clockwork.keeps && { absenceMs: longestAbsenceMs }),
      version,
      at: timestamp(),
      ...(rightOf(hello) === "view" && { right: "view" }),
    });
    session.attempt = hello.attempt ?? 0;
    session.unwatch();
    session.link.attach(socket, resumed ? hello.received : 0);
  }

  #open(hello: Peer): Session {
    const { id } = hello;
    const isCurrent = () => this.#sessions.get(id) === session;
    const on = (messages: LinkEvents<never>["messages"]): LinkEvents<never> => ({
      messages,
      down: (reason) => {
        this.#log.info(`the link of ${hello.role} ${hello.name} dropped: ${reason}`);
        if (isCurrent()) this.#away(id, session);
      },
      // A client whose program is busy keeps its socket; a worker's link is made anew.
      ...(hello.role === "client" && {
        silent: (reason) => {
          this.#log.info(`client ${hello.name} is silent: ${reason}`);
          if (isCurrent()) this.#clockwork.handle({ type: "client-away", id, isSilent: true });
        },
        heard: () => {
          this.#log.info(`client ${hello.name} is heard again`);
          if (isCurrent()) this.#clockwork.handle({ type: "client-back", id });
        },
      }),
      ended: (error) => {
        if (error) this.#log.warning(`cut off ${hello.role} ${hello.name}: ${error.message}`);
        if (isCurrent()) this.#end(id, session, error?.message ?? saidGoodbye);
      },
      unsendable: (message, error) =>
        this.#giveBack(id, message as ToClient | ToWorker, error.message),
    });
    const common = {
      heartbeatMs: this.#heartbeatMs,
      readBytes: this.#limits.readBytes,
      pauseAboveBytes: this.#limits.pauseAboveBytes,
      endAboveBytes:
        hello.role === "worker" ? this.#limits.waitingForWorkersBytes : this.#limits.waitingBytes,
      takesLater: this.#clockwork.keeps,
    };
    const originOf = (frame: SocketData, received: number): Origin | undefined =>
      this.#clockwork.keeps
        ? {
            frame,
            happened: () => session.link.took(received, frame.length),
            refused: (error) => session.link.violate(error),
          }
        : undefined;
    const link: Session["link"] =
      hello.role === "client"
        ? new Link<FromClient, ToClient>({
            ...common,
            check: checkFromClient,
            on: on((messages, frame, received) => {
              this.#clockwork.handle(
                { type: "client-messages", from: id, messages },
                originOf(frame, received),
              );
              this.#pacing.heardFromClient(link, messages);
            }),
          })
        : new Link<FromWorker, ToWorker>({
            ...common,
            check: checkFromWorker,
            on: on((messages, frame, received) => {
              this.#clockwork.handle(
                { type: "worker-messages", from: id, messages },
                originOf(frame, received),
              );
              this.#pacing.heard(link);
            }),
          });
    const session: Session = {
      hello,
      attempt: hello.attempt ?? 0,
      link,
      isLocal: hello.role === "worker" && isLocalProcess(hello),
      unwatch: () => undefined,
      contestedAt: -Infinity,
    };
    this.#sessions.set(id, session);
    return session;
  }

  /** Replaces a message that is too large for a frame by failures of the tasks in it. */
  #giveBack(id: string, message: ToClient | ToWorker, why: string): void {
    const failure = { code: "not-serializable", message: why };
    if (message.type === "run") {
      const messages = message.keys.map((key, index): FromWorker => ({
        type: "failed",
        key,
        attempt: message.attempts[index]!,
        failure: { ...failure, message: `its arguments and inputs together: ${why}` },
      }));
      this.#clockwork.handle({ type: "worker-messages", from: id, messages });
    } else if (message.type === "fetched") {
      this.send(id, [{ type: "failed", keys: [message.key], failure }]);
    } else {
      this.#log.error(`left out a message "${message.type}" that was too large: ${why}`);
    }
  }

  /** The link of a peer is down. */
  #away(id: string, session: Session, isSilent = false): void {
    const isClient = session.hello.role === "client";
    this.#clockwork.handle(
      isClient ? { type: "client-away", id, isSilent } : { type: "worker-away", id },
    );
    if (session.isLocal) this.#watch(id, session);
  }

  /** Watches the process of a worker whose link dropped: when it ends, the worker is lost. */
  #watch(id: string, session: Session): void {
    if (session.hello.role !== "worker") return;
    const { pid, supervisor } = session.hello;
    session.unwatch = watchProcess(pid, () => {
      const end = () => this.#end(id, session, `its process (${pid}) ended`);
      if (supervisor === undefined) return end();
      const timer = setTimeout(end, successorMs).unref();
      const unwatch = watchProcess(supervisor, end);
      session.unwatch = () => {
        clearTimeout(timer);
        unwatch();
      };
    });
  }

  #end(id: string, session: Session, how: string): void {
    this.#sessions.delete(id);
    session.unwatch();
    void session.link.close();
    this.#clockwork.handle(leaving(session.hello, how));
  }
}

function leaving({ role, id }: Peer, how: string): Event {
  return role === "client" ? { type: "client-leaves", id } : { type: "worker-lost", id, how };
}

function rightOf(hello: Peer | PeerHello): Right {
  return hello.role === "client" ? (hello.right ?? "full") : "full";
}

const forWorkers: Refusal = {
  code: "rejected",
  message: "give the worker the full token: a view token only allows to look",
};

/** Whether a worker replaces another one that has died, though its link still seems to be up. */
function isSuccessor(hello: WorkerHello, other: WorkerPeer): boolean {
  return hello.host === other.host && hello.predecessor?.pid === other.pid;
}
