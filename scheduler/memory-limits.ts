// The limits on the memory of a scheduler: of its own choice, or what the machine and the heap of Node leave to it.

import { totalmem } from "node:os";
import { cgroupMemoryLimit } from "../src/cgroup-limit.ts";
import { oldSpaceBytes } from "../src/old-space.ts";
import { formatSize } from "../src/size.ts";
import { UsageError } from "../src/usage-error.ts";
import { limits } from "../src/wire/limits.ts";

/** Part of the machine's memory: workers may be on the same one, and a snapshot for the journal takes as much again. */
const shareOfMachine = 0.3;
/**
 * Part of the heap that the ledger may count: a text with other than Latin letters takes twice what is counted, and
 * messages on their way, in either direction, are on the same heap.
 */
const shareOfHeap = 0.4;

/** Frames of so many bytes are read whatever the memory. */
const frameBytes = 2 ** 20;
/** What arrives may have a quarter, so one such frame fits; the facts of a worker, which have another one, do too. */
const leastMemoryBytes = 4 * frameBytes;

/** More than a session and its socket take on the heap while nothing waits there. */
const sessionBytes = 16 * 1024;

export type MemoryLimits = {
  /** Of the state in all, and of what of it is on the heap: see `scheduler/core/memory`. */
  readonly memoryBytes: number;
  readonly heapBytes: number;
  /** Of one frame: reading a text takes many times its bytes. */
  readonly frameBytes: number;
  /** Of what is read of one frame. */
  readonly readBytes: number;
  /** Of what waits for one client before it is not read from, and of what waits for all of them. */
  readonly pauseAboveBytes: number;
  readonly waitingBytes: number;
  /** Of what waits for one worker, and for all of them: they may be sent all that is kept here. */
  readonly waitingForWorkersBytes: number;
  /** Of all frames that have arrived in part. */
  readonly arrivingBytes: number;
  /** Peers that may have a session, or be away. */
  readonly sessions: number;
};

/** @throws {UsageError} when no worker could join, or nothing be sent, with so much memory */
export function checkMemoryLimit(bytes: number): void {
  if (bytes >= leastMemoryBytes) return;
  throw new UsageError(
    `a memory limit of ${formatSize(bytes)} leaves no room for workers and clients: give the scheduler ` +
      `${formatSize(leastMemoryBytes)} or more (--memory-limit)`,
  );
}

/**
 * @param memoryBytes as the user says. Default: a share of the memory of this machine or its control group.
 * @param heap bytes of old objects on the heap of this process
 */
export function memoryLimits(
  memoryBytes = Math.floor(shareOfMachine * Math.min(totalmem(), cgroupMemoryLimit())),
  heap: number = oldSpaceBytes(),
): MemoryLimits {
  const heapBytes = Math.floor(Math.min(shareOfHeap * heap, memoryBytes));
  return {
    memoryBytes,
    heapBytes,
    frameBytes: Math.floor(
      Math.min(limits.frameBytes, heap / 16, Math.max(memoryBytes / 4, frameBytes)),
    ),
    readBytes: Math.floor(heap / 4),
    pauseAboveBytes: Math.floor(Math.min(64 * 2 ** 20, heapBytes / 8)),
    waitingBytes: Math.floor(memoryBytes / 2),
    waitingForWorkersBytes: 2 * memoryBytes,
    arrivingBytes: Math.floor(memoryBytes / 4),
    sessions: Math.floor(heap / 8 / sessionBytes),
  };
}
