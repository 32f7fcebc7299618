// What Node gives to the code under test, made virtual for as long as a simulation runs: timers, the
// clock, chance, the machine's name, and threads. So the code runs as it is, and a timer that somebody
// adds to it is virtual without a thought. This module must be imported before the code under test,
// some of which takes its timers when it is loaded.

import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import timersPromises from "node:timers/promises";
import workerThreads from "node:worker_threads";
import { receiveFrom, SimulatedChannel, SimulatedThread } from "./threads.ts";
import type { Job, VirtualTime } from "./virtual-time.ts";

let time: VirtualTime | undefined;

/** The time that the simulation under way has. */
export function currentTime(): VirtualTime {
  if (time === undefined) throw new Error("no simulation is running");
  return time;
}

/** Runs this with everything virtual. Nothing else of this process goes on meanwhile. */
export async function onVirtualTime<Result>(
  virtual: VirtualTime,
  run: () => Promise<Result>,
): Promise<Result> {
  if (time !== undefined) throw new Error("one simulation at a time");
  time = virtual;
  swapThreads();
  const { stackTraceLimit } = Error;
  // Stacks cost much, travel with errors, and are as long as the paths of the files here.
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    time = undefined;
    swapThreads();
    takeBackMemory();
    Error.stackTraceLimit = stackTraceLimit;
  }
}

// ── Timers ───────────────────────────────────────────────────────────────────────────────────────

/** What `setTimeout` and its like return. */
class VirtualTimer {
  #job: Job;
  readonly #again: () => Job;

  constructor(start: () => Job) {
    this.#again = start;
    this.#job = start();
  }

  cancel(): void {
    currentTime().cancel(this.#job);
  }
  restart(): void {
    this.#job = this.#again();
  }
  refresh(): this {
    this.cancel();
    this.restart();
    return this;
  }
  close(): this {
    this.cancel();
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  [Symbol.dispose](): void {
    this.cancel();
  }
}

type Run = (...args: unknown[]) => void;

/** Node's shortest, and what it does with what is no time at all. */
const waitOf = (ms: unknown) => (typeof ms === "number" && ms >= 1 ? Math.min(ms, 2 ** 31 - 1) : 1);
/** The rest of a turn of the event loop. */
const immediateMs = 0.01;

function setVirtualTimeout(run: Run, ms?: unknown, ...args: unknown[]): VirtualTimer {
  return new VirtualTimer(() => currentTime().after(waitOf(ms), () => run(...args)));
}

function setVirtualInterval(run: Run, ms?: unknown, ...args: unknown[]): VirtualTimer {
  const timer: VirtualTimer = new VirtualTimer(() =>
    currentTime().after(waitOf(ms), () => {
      timer.restart();
      run(...args);
    }),
  );
  return timer;
}

function setVirtualImmediate(run: Run, ...args: unknown[]): VirtualTimer {
  return new VirtualTimer(() => currentTime().after(immediateMs, () => run(...args)));
}

const real = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  setImmediate: globalThis.setImmediate,
  clearTimeout: globalThis.clearTimeout,
  clearInterval: globalThis.clearInterval,
  clearImmediate: globalThis.clearImmediate,
  nextTick: process.nextTick.bind(process),
  hrtime: process.hrtime,
  now: performance.now.bind(performance),
  dateNow: Date.now,
  random: Math.random,
  hostname: os.hostname,
  pid: process.pid,
  sleep: timersPromises.setTimeout,
  timeOrigin: performance.timeOrigin,
};

const clear = (ofReal: (timer: never) => void) => (timer: unknown) => {
  if (timer instanceof VirtualTimer) {
    // One of an earlier simulation has nothing to be cleared from.
    if (time !== undefined) timer.cancel();
  } else ofReal(timer as never);
};

/** The moment that a simulation begins, in milliseconds since 1970. */
const origin = 1_700_000_000_000;

Object.assign(globalThis, {
  setTimeout: Object.assign(
    (...args: Parameters<typeof setVirtualTimeout>) =>
      time ? setVirtualTimeout(...args) : real.setTimeout(...(args as [never])),
    real.setTimeout,
  ),
  setInterval: (...args: Parameters<typeof setVirtualInterval>) =>
    time ? setVirtualInterval(...args) : real.setInterval(...(args as [never])),
  setImmediate: Object.assign(
    (...args: Parameters<typeof setVirtualImmediate>) =>
      time ? setVirtualImmediate(...args) : real.setImmediate(...(args as [never])),
    real.setImmediate,
  ),
  clearTimeout: clear(real.clearTimeout),
  clearInterval: clear(real.clearInterval),
  clearImmediate: clear(real.clearImmediate),
});
process.nextTick = ((run: Run, ...args: unknown[]) => {
  if (time) time.tick(() => run(...args));
  else real.nextTick(run, ...args);
}) as typeof process.nextTick;
process.hrtime = Object.assign(
  (since?: [number, number]): [number, number] => {
    if (!time) return real.hrtime(since);
    const ms = time.now;
    return [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)];
  },
  { bigint: () => (time ? BigInt(Math.round(time.now * 1e6)) : real.hrtime.bigint()) },
);
performance.now = () => (time ? time.now : real.now());
Object.defineProperty(performance, "timeOrigin", {
  configurable: true,
  get: () => (time ? origin : real.timeOrigin),
});
Date.now = () => (time ? origin + Math.floor(time.now + time.wallAheadMs) : real.dateNow());
Math.random = () => (time ? time.random.next() : real.random());

// ── Shared memory, of which every thread that starts gets much ───────────────────────────────────

/** From here on it is worth the while to use it again, if it can be cleared by eight bytes. */
const reusedFromBytes = 10_000;
const inUse: RealSharedArrayBuffer[] = [];
const free = new Map<number, RealSharedArrayBuffer[]>();
const RealSharedArrayBuffer = globalThis.SharedArrayBuffer;
type RealSharedArrayBuffer = SharedArrayBuffer;

/** Memory of earlier simulations, all zero again: new memory costs far more, above all its collection. */
class ReusedSharedArrayBuffer extends RealSharedArrayBuffer {
  constructor(bytes: number, options?: { maxByteLength?: number }) {
    const found = time && options === undefined ? free.get(bytes)?.pop() : undefined;
    if (found !== undefined) {
      new Float64Array(found).fill(0);
      inUse.push(found);
      return found;
    }
    super(bytes, options);
    if (time && bytes >= reusedFromBytes && bytes % 8 === 0) inUse.push(this);
  }
}
globalThis.SharedArrayBuffer = ReusedSharedArrayBuffer as SharedArrayBufferConstructor;

function takeBackMemory(): void {
  for (const memory of inUse.splice(0)) {
    const bytes = memory.byteLength;
    const same = free.get(bytes);
    if (same) same.push(memory);
    else free.set(bytes, [memory]);
  }
}

// ── Modules of Node. Whoever imports a name of them sees what is put here ───────────────────────

Object.defineProperty(process, "pid", {
  configurable: true,
  enumerable: true,
  // Of one length in every run, since it travels in frames.
  get: () => (time ? 1_000 : real.pid),
});
os.hostname = () => (time ? time.scope.process.name : real.hostname());
timersPromises.setTimeout = ((ms?: number, value?: unknown, options?: { signal?: AbortSignal }) =>
  time
    ? virtualSleep(ms, value, options?.signal)
    : real.sleep(ms, value, options)) as typeof timersPromises.setTimeout;

function virtualSleep(ms: unknown, value: unknown, signal?: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      timer.cancel();
      // The name that Node gives it, by which it is told from other errors.
      reject(new DOMException("The operation was aborted", "AbortError"));
    };
    const timer = setVirtualTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve(value);
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

const realThreads = {
  Worker: workerThreads.Worker,
  MessageChannel: workerThreads.MessageChannel,
  receiveMessageOnPort: workerThreads.receiveMessageOnPort,
};

function swapThreads(): void {
  const virtual = {
    Worker: SimulatedThread,
    MessageChannel: SimulatedChannel,
    receiveMessageOnPort: receiveFrom,
  };
  Object.assign(workerThreads, time ? virtual : realThreads);
  syncBuiltinESMExports();
}
syncBuiltinESMExports();
