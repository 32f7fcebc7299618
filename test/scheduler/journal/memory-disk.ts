// A disk in memory for tests: it can be full, can fail, and forgets on a loss of power what was not synced, any
// sector of it, as a real disk may.

import { basename, dirname } from "node:path";
import type { BigIntStats } from "node:fs";
import type { Disk } from "../../../scheduler/journal/disk.ts";

/** What a disk writes as a whole. */
const sectorBytes = 512;

type Content = { bytes: Buffer; durable: Buffer; modified: bigint };
type Change = (names: Map<string, Content>) => void;

export class MemoryDisk implements Disk {
  #names = new Map<string, Content>();
  /** The names after a loss of power, and the changes that may be lost, in order. */
  #durableNames = new Map<string, Content>();
  #changes: Change[] = [];
  #open = new Map<number, Content>();
  #next = 1;
  /** Bytes that can still be written. */
  room = Infinity;
  /** The next operations of this kind fail with this code. */
  failing: { operation: "sync" | "write" | "truncate"; code: string } | undefined;
  /** Called before each sync; a promise holds it up. */
  beforeSync: () => void | Promise<void> = () => undefined;

  /** What is left after a loss of power. `keeps` decides for each sector and each change of names. */
  afterPowerLoss(keeps: () => boolean): MemoryDisk {
    const disk = new MemoryDisk();
    const names = new Map(this.#durableNames);
    for (const change of this.#changes) {
      if (!keeps()) break;
      change(names);
    }
    for (const [path, content] of names) {
      const bytes = survivors(content, keeps);
      const survivor = { bytes, durable: Buffer.from(bytes), modified: content.modified };
      disk.#names.set(path, survivor);
      disk.#durableNames.set(path, survivor);
    }
    return disk;
  }

  /** What is left after the death of the process: everything that was written. */
  afterDeath(): MemoryDisk {
    return this.afterPowerLoss(() => true);
  }

  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([path, { bytes }]) => [basename(path), bytes]));
  }

  /** Changes the bytes of a file behind the back of the journal. */
  change(path: string, change: (bytes: Buffer) => Buffer): void {
    const content = this.#at(path);
    content.bytes = change(content.bytes);
    content.durable = Buffer.from(content.bytes);
  }

  makeDirectory(): void {}

  list(directory: string): string[] {
    return [...this.#names.keys()]
      .filter((path) => dirname(path) === directory)
      .map((p) => basename(p));
  }

  facts(path: string): BigIntStats {
    if (path.endsWith("journal")) return { mode: 0o40700n, uid: 0n } as BigIntStats;
    const { bytes, modified } = this.#at(path);
    return {
      size: BigInt(bytes.length),
      mode: 0o100600n,
      uid: 0n,
      mtimeNs: modified,
    } as BigIntStats;
  }

  read(path: string, into: Uint8Array, from: number): number {
    return this.#at(path).bytes.copy(into, 0, from, from + into.byteLength);
  }

  create(path: string): number {
    if (this.#names.has(path)) throw failure("EEXIST");
    const content = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), modified: 0n };
    this.#change((names) => names.set(path, content));
    this.#open.set(this.#next, content);
    return this.#next++;
  }

  write(file: number, rows: readonly Uint8Array[], at: number): number {
    this.#failIf("write");
    const bytes = Buffer.concat(rows);
    const fits = Math.min(bytes.length, this.room);
    if (fits === 0 && bytes.length > 0) throw failure("ENOSPC");
    this.room -= fits;
    const content = this.#open.get(file)!;
    const grown = Buffer.alloc(Math.max(content.bytes.length, at + fits));
    content.bytes.copy(grown);
    bytes.copy(grown, at, 0, fits);
    content.bytes = grown;
    return fits;
  }

  truncate(file: number, bytes: number): void {
    this.#failIf("truncate");
    const content = this.#open.get(file)!;
    this.room += content.bytes.length - bytes;
    content.bytes = content.bytes.subarray(0, bytes);
  }

  async sync(file: number): Promise<void> {
    const content = this.#open.get(file)!;
    const { bytes } = content;
    await this.beforeSync();
    this.#failIf("sync");
    content.durable = Buffer.from(bytes);
  }

  syncNow(file: number): void {
    this.#failIf("sync");
    const content = this.#open.get(file)!;
    content.durable = Buffer.from(content.bytes);
  }

  close(file: number): void {
    if (!this.#open.delete(file)) throw failure("EBADF");
  }

  async syncPath(path: string): Promise<void> {
    await this.beforeSync();
    this.syncPathNow(path);
  }

  syncPathNow(path: string): void {
    this.#failIf("sync");
    const content = this.#names.get(path);
    if (content) {
      content.durable = Buffer.from(content.bytes);
    } else {
      this.#durableNames = new Map(this.#names);
      this.#changes = [];
    }
  }

  rename(from: string, to: string): void {
    const content = this.#at(from);
    this.#change((names) => {
      names.delete(from);
      names.set(to, content);
    });
  }

  touch(path: string): void {
    this.#at(path).modified += 1n;
  }

  removeNow(path: string): void {
    this.room += this.#names.get(path)?.bytes.length ?? 0;
    this.#change((names) => names.delete(path));
  }

  async remove(path: string): Promise<void> {
    this.removeNow(path);
  }

  #at(path: string): Content {
    const content = this.#names.get(path);
    if (!content) throw failure("ENOENT");
    return content;
  }

  #change(change: Change): void {
    change(this.#names);
    this.#changes.push(change);
  }

  #failIf(operation: "sync" | "write" | "truncate"): void {
    if (this.failing?.operation === operation) throw failure(this.failing.code);
  }
}

/** Each sector is as it was synced, or as it was written; the file is as long as what was kept. */
function survivors({ bytes, durable }: Content, keeps: () => boolean): Buffer {
  let length = Math.min(durable.length, bytes.length);
  const result = Buffer.alloc(Math.max(bytes.length, durable.length));
  for (let at = 0; at < bytes.length; at += sectorBytes) {
    const end = Math.min(at + sectorBytes, bytes.length);
    const written = bytes.subarray(at, end);
    const before = durable.subarray(at, end);
    if (written.equals(before) || keeps()) {
      written.copy(result, at);
      length = Math.max(length, end);
    } else {
      before.copy(result, at);
    }
  }
  return result.subarray(0, length);
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: the disk of the test`), { code });
}
