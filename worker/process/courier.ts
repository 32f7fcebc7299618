// A thread in the process of an executor that carries messages between the worker's sockets and the main
// thread, where the tasks run. It answers the worker, and ends the process when the worker is gone, even
// while a task never lets the event loop turn.

import { Socket } from "node:net";
import { getHeapStatistics } from "node:v8";
import { resourceLimits, workerData } from "node:worker_threads";
import { ENDING, EXECUTING, OVER, WAITING, cellOf, move } from "../boundary/cells.ts";
import type { CloneablePayload } from "../boundary/cloneable.ts";
import type { FromThread } from "../boundary/messages.ts";
import { UnpostedResults } from "../boundary/unposted-results.ts";
import { FrameReader, toFrame } from "./frames.ts";
import {
  inboxFd,
  outboxFd,
  type CourierData,
  type Flush,
  type FromProcess,
  type ToProcess,
} from "./messages.ts";

carry(workerData as CourierData);

function carry({ cells, unposted, port, flushed, underWay }: CourierData): void {
  const inbox = new Socket({ fd: inboxFd, readable: true, writable: false });
  const outbox = new Socket({ fd: outboxFd, readable: false, writable: true });
  const results = new UnpostedResults(unposted);
  /** The unposted results that were sent last. */
  let collected = 0;
  let corked = false;

  const reader = new FrameReader((message, memory) => receive(message as ToProcess, memory));
  inbox.on("data", (chunk) => reader.push(chunk));
  for (const socket of [inbox, outbox]) socket.on("error", () => undefined);
  inbox.on("close", endProcess);
  port.on("message", (message: FromThread | Flush) => {
    if (message.type === "flush") leave();
    else send(message.type === "returned" ? withoutSharedMemory(message) : message);
  });

  // The heap of this thread has the limits that the main thread's has.
  const { maxYoungGenerationSizeMb: youngMib = 0 } = resourceLimits;
  send({ type: "heap", mib: Math.round(getHeapStatistics().heap_size_limit / 2 ** 20 - youngMib) });

  function receive(message: ToProcess, memory: ArrayBuffer[]): void {
    switch (message.type) {
      case "calls": {
        const { numbers } = message;
        for (let index = 0; index < numbers.length; index += 3) {
          const ticket = numbers[index]!;
          Atomics.store(cells.states, cellOf(cells, ticket), (ticket << 2) | WAITING);
        }
        break;
      }
      case "end": {
        const { ticket } = message;
        if (move(cells, ticket, WAITING, OVER)) {
          send({ type: "recalled", tickets: [ticket], begun: [] });
          return;
        }
        if (!move(cells, ticket, EXECUTING, ENDING)) return;
        break;
      }
      case "recall": {
        const tickets = message.tickets.filter((ticket) => move(cells, ticket, WAITING, OVER));
        const begun = message.tickets.filter((ticket) => !tickets.includes(ticket));
        send({ type: "recalled", tickets, begun });
        return;
      }
      case "collect":
        collect();
        return;
      case "taken":
        Atomics.sub(underWay, 0, message.weight);
        Atomics.notify(underWay, 0);
        return;
      default:
    }
    port.postMessage(message, memory);
  }

  function collect(): void {
    const state = Atomics.load(unposted.state, 0);
    if (state === collected) return;
    collected = state;
    const { numbers, values } = results.read();
    if (values.length > 0) send({ type: "returned", numbers, values });
  }

  function send(message: FromThread | FromProcess): void {
    if (!corked) {
      corked = true;
      outbox.cork();
      process.nextTick(() => {
        corked = false;
        outbox.uncork();
      });
    }
    for (const bytes of toFrame(message)) outbox.write(bytes);
  }

  function leave(): void {
    collect();
    outbox.end(() => {
      Atomics.store(flushed, 0, 1);
      Atomics.notify(flushed, 0);
    });
  }
}

/** The worker is gone. What the tasks have started is in the same group. */
function endProcess(): void {
  try {
    process.kill(-process.pid, "SIGKILL");
  } catch {
    process.kill(process.pid, "SIGKILL");
  }
}

function withoutSharedMemory(
  message: Extract<FromThread, { type: "returned" }>,
): Extract<FromThread, { type: "returned" }> {
  if (!Array.isArray(message.values)) return message;
  return { ...message, values: message.values.map(unshared) };
}

function unshared(value: CloneablePayload): CloneablePayload {
  if (typeof value === "string") return value;
  const parts = value.parts.map((part) =>
    "memory" in part ? new Uint8Array(part.memory, part.offset, part.length) : part,
  );
  return { head: value.head, parts };
}
