// An executor on a thread of this process: messages cross by ports, and the states of calls, unposted
// results and large values lie in memory that both sides see.

import { getHeapStatistics } from "node:v8";
import {
  MessageChannel,
  Worker,
  receiveMessageOnPort,
  type MessagePort,
} from "node:worker_threads";
import { toCloneable } from "../boundary/cloneable.ts";
import type { ThreadOptions, ToThread } from "../boundary/messages.ts";
import { ProcessRegistry } from "../boundary/process-registry.ts";
import { UnpostedResults } from "../boundary/unposted-results.ts";
import { Credit } from "../boundary/credit.ts";
import { HeapLimitError, type Host, type HostEvents, type HostSetup } from "./host.ts";

export class ThreadHost implements Host {
  readonly isInThisProcess = true;
  readonly unsentBytes = 0;
  readonly remote = undefined;
  readonly cross = toCloneable;
  readonly #events: HostEvents;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #unposted = new UnpostedResults();
  readonly #underWay = new Int32Array(new SharedArrayBuffer(4));
  readonly #credit = new Credit((weight) => {
    Atomics.sub(this.#underWay, 0, weight);
    Atomics.notify(this.#underWay, 0);
  });
  readonly processes = new ProcessRegistry();

  constructor({ options, cells, heapBytes }: HostSetup, events: HostEvents) {
    this.#events = events;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const data = {
      ...{ ...options, cells, unposted: this.#unposted.memory, port: port2 },
      ...{ underWay: this.#underWay, processes: this.processes.memory },
    };
    this.#worker = new Worker(entry, {
      name: `${options.worker} thread`,
      workerData: data satisfies ThreadOptions,
      transferList: [port2],
      ...(heapBytes !== undefined && {
        resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapBytes / 2 ** 20) },
      }),
    });
    this.#port.on("message", (message: unknown) => events.message(message));
    this.#port.on("messageerror", (error) => events.garbled(error));
    let mib: number | undefined;
    // Only a thread that runs has its limits here.
    this.#worker.on("online", () => (mib = heapMib(heapBytes, this.#worker)));
    this.#worker.on("error", (error: unknown) => {
      events.uncaught(isOutOfMemory(error) ? new HeapLimitError(mib) : error);
    });
    this.#worker.on("exit", (code) => this.#exit(code));
  }

  post(message: ToThread, transfer: ArrayBuffer[]): void {
    this.#port.postMessage(message, transfer);
  }

  taken(weight: number): void {
    this.#credit.add(weight);
  }

  collect(): void {
    const { numbers, values } = this.#unposted.read();
    if (values.length > 0) this.#events.message({ type: "returned", numbers, values });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #exit(code: number): void {
    let left = receiveMessageOnPort(this.#port) as { message: unknown } | undefined;
    for (; left; left = receiveMessageOnPort(this.#port)) this.#events.message(left.message);
    this.#port.close();
    this.collect();
    this.#events.ended(`it ended with exit code ${code}`);
  }
}

/** The file that the thread runs, as source or as built. */
const entry = new URL(
  `../thread/entry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/** The limit of the thread's heap, without the part for young objects; the flag of Node is not in `resourceLimits`. */
function heapMib(heapBytes: number | undefined, { resourceLimits }: Worker): number | undefined {
  if (heapBytes !== undefined) return Math.ceil(heapBytes / 2 ** 20);
  const youngMib = resourceLimits?.maxYoungGenerationSizeMb;
  if (youngMib === undefined) return undefined;
  return Math.round(getHeapStatistics().heap_size_limit / 2 ** 20 - youngMib);
}

function isOutOfMemory(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
}
