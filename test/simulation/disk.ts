// A disk for a simulated worker: files in memory that take their time, and a disk that may be full.

import type { Disk, DiskFile } from "../../worker/results/spilling.ts";
import type { VirtualTime } from "./virtual-time.ts";

const slowestMs = 5;

export class SimulatedDisk implements Disk {
  readonly #time: VirtualTime;
  isFull = false;
  /** Bytes in its files. */
  bytes = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  async write(rows: readonly Uint8Array[]): Promise<DiskFile> {
    const content = Buffer.concat(rows);
    await this.#pause();
    if (this.isFull) throw new Error("ENOSPC: no space left on device, write");
    this.bytes += content.length;
    let isThere = true;
    return {
      open: async () => {
        await this.#pause();
        if (!isThere) throw new Error("ENOENT: no such file");
        return {
          read: async (into, from) => {
            await this.#pause();
            into.set(content.subarray(from, from + into.length));
          },
          close: () => this.#pause(),
        };
      },
      remove: async () => {
        await this.#pause();
        if (isThere) this.bytes -= content.length;
        isThere = false;
      },
    };
  }

  #pause(): Promise<void> {
    const ms = this.#time.random.next() * slowestMs;
    return new Promise((resolve) => this.#time.after(ms, resolve));
  }
}
