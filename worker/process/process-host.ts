// An executor in a process of its own: messages cross by sockets. What a thread shares with the worker
// crosses as messages too, or lies in a file.

import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { fromErrorRecord } from "../../src/errors/failure.ts";
import { childFlags } from "../../src/child-flags.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { Cells } from "../boundary/cells.ts";
import type { CloneablePayload } from "../boundary/cloneable.ts";
import type { ToThread } from "../boundary/messages.ts";
import { Credit } from "../boundary/credit.ts";
import type { Host, HostEvents, HostSetup, RemoteStates } from "../pool/host.ts";
import { FrameReader, toFrame } from "./frames.ts";
import { executorSessions } from "../processes/end-processes.ts";
import {
  inboxFd,
  outboxFd,
  type FromProcess,
  type ProcessOptions,
  type ToProcess,
} from "./messages.ts";
import { StateFile } from "./state-file.ts";

/** After its end, what the process has written is here once nothing came for so long: it may have left a copy of itself. */
const lastWordsMs = 1_000;

export class ProcessHost implements Host, RemoteStates {
  readonly isInThisProcess = false;
  readonly remote = this;
  /** They are in the group of the process, which ends as a whole. */
  readonly processes = { isUsed: false, running: [] };
  readonly #events: HostEvents;
  readonly #ended = Promise.withResolvers<void>();
  #states: StateFile | undefined = undefined;
  #process: ChildProcess | undefined = undefined;
  /** What the process reads. */
  #inbox: Socket | undefined = undefined;
  #corked = false;
  readonly #credit = new Credit((weight) => this.#write({ type: "taken", weight }));
  #heapMib: number | undefined = undefined;
  #over = false;

  constructor(setup: HostSetup, events: HostEvents) {
    this.#events = events;
    try {
      this.#start(setup);
    } catch (error) {
      setImmediate(() => this.#failed(error as Error));
    }
  }

  #start({ options, cells, heapBytes }: HostSetup): void {
    const states = (this.#states = new StateFile(cells.states.length));
    const given: ProcessOptions = { ...options, cells: cells.states.length };
    const child = spawn(
      process.execPath,
      [
        ...childFlags(process.execArgv),
        ...(heapBytes === undefined
          ? []
          : [`--max-old-space-size=${Math.ceil(heapBytes / 2 ** 20)}`]),
        fileURLToPath(entry),
        JSON.stringify(given),
      ],
      // In a group of its own: what its tasks start ends with it, and Ctrl-C does not reach it.
      { detached: true, stdio: ["ignore", "inherit", "inherit", "pipe", "pipe", states.fd] },
    );
    this.#process = child;
    if (child.pid !== undefined) executorSessions.add(child.pid);
    // Undefined when the process could not be started.
    const inbox = child.stdio[inboxFd] as Socket | undefined;
    const outbox = (child.stdio as unknown as (Socket | undefined)[])[outboxFd];
    this.#inbox = inbox;
    const closed = new Promise<void>((resolve) => outbox?.once("close", resolve));
    child.once("error", (error) => this.#failed(error));
    child.once("exit", (code, signal) => {
      this.#killGroup();
      const enough = setTimeout(() => outbox?.destroy(), lastWordsMs);
      outbox?.on("data", () => enough.refresh());
      void closed.then(() => {
        clearTimeout(enough);
        this.#finish(inWords(code, signal, this.#heapMib));
      });
    });
    // Its end says more.
    for (const socket of [inbox, outbox]) socket?.on("error", () => undefined);
    const reader = new FrameReader((message) => this.#receive(message));
    outbox?.on("data", (chunk) => {
      try {
        reader.push(chunk);
      } catch (error) {
        outbox.removeAllListeners("data").resume();
        this.#events.garbled(error as Error);
      }
    });
  }

  // ── To the process ─────────────────────────────────────────────────────────────────────────────

  /** Without a copy: the bytes are written to the socket. */
  cross(payload: Payload): CloneablePayload {
    return typeof payload === "string" ? payload : { head: payload.head, parts: payload.parts };
  }

  post(message: ToThread): void {
    this.#write(message);
  }

  get unsentBytes(): number {
    return this.#inbox?.writableLength ?? 0;
  }

  collect(): void {
    this.#write({ type: "collect" });
  }

  taken(weight: number): void {
    this.#credit.add(weight);
  }

  recall(tickets: readonly number[]): void {
    this.#write({ type: "recall", tickets });
  }

  async terminate(): Promise<void> {
    this.#killGroup();
    await this.#ended.promise;
  }

  #write(message: ToProcess): void {
    const inbox = this.#inbox;
    if (inbox === undefined || !inbox.writable) return;
    if (!this.#corked) {
      // All that is posted in one turn leaves in one go.
      this.#corked = true;
      inbox.cork();
      process.nextTick(() => {
        this.#corked = false;
        inbox.uncork();
      });
    }
    for (const bytes of toFrame(message)) inbox.write(bytes);
  }

  #killGroup(): void {
    const pid = this.#process?.pid;
    if (pid === undefined || this.#over) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // None of the group is left, or the system has no groups.
      this.#process?.kill("SIGKILL");
    }
  }

  // ── From the process ───────────────────────────────────────────────────────────────────────────

  refresh(cells: Cells, from: number, to: number): void {
    if (!this.#over) this.#states?.refresh(cells, from, to);
  }

  #receive(message: unknown): void {
    const own = message as Partial<FromProcess> | null | undefined;
    if (own?.type === "recalled") {
      const { tickets, begun } = own as Extract<FromProcess, { type: "recalled" }>;
      this.#events.recalled(tickets, begun);
    } else if (own?.type === "heap") {
      this.#heapMib = own.mib;
    } else if (own?.type === "uncaught") {
      this.#events.uncaught(fromErrorRecord(own.error!));
    } else {
      this.#events.message(message);
    }
  }

  /** The process could not be started. */
  #failed(error: Error): void {
    this.#events.uncaught(error);
    this.#finish(error.message);
  }

  #finish(how: string): void {
    if (this.#over) return;
    this.#events.ended(how);
    this.#over = true;
    executorSessions.delete(this.#process?.pid ?? 0);
    this.#inbox?.destroy();
    this.#states?.close();
    this.#ended.resolve();
  }
}

/** The signal is all that is known: V8 ends a process that is out of memory as native code aborts one. */
function inWords(
  code: number | null,
  signal: NodeJS.Signals | null,
  heapMib: number | undefined,
): string {
  if (signal === null) return `its process ended with exit code ${code}`;
  const limit = heapMib === undefined ? "" : ` of ${heapMib} MiB`;
  const causes: Partial<Record<NodeJS.Signals, string>> = {
    SIGABRT: ` (its JavaScript heap reached its memory limit${limit}, or native code aborted)`,
    SIGKILL: " (by somebody, or by the system for want of memory)",
  };
  return `its process was killed by ${signal}${causes[signal] ?? ""}`;
}

/** The file that the process runs, as source or as built. */
const entry = new URL(
  `../thread/entry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);
