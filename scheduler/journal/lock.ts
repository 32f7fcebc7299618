// The lock of a journal: one scheduler writes it. A lock is a numbered file, made exclusively, and the newest
// one counts: whoever takes over from a dead owner makes the next number, which succeeds for one only.
//
// On one machine the process table tells whether an owner is dead. An owner elsewhere touches its file again and
// again; a file that does not change for long enough has no owner. The clocks of two machines are not compared.

import path from "node:path";
import { clearInterval, now, setInterval, setTimeout } from "../../src/timers.ts";
import { readText, writeAll, type Disk } from "./disk.ts";
import { matching, padded } from "./file-names.ts";
import { JournalError, journalErrorOf } from "./journal-error.ts";
import { nameOf, ownerIn, stateOf, thisProcess, type Owner } from "./owner.ts";

export type LockTimes = {
  /** How often the owner touches the lock. */
  readonly beatMs: number;
  /** How long another machine watches a lock for a change before it takes it over. */
  readonly watchMs: number;
};
export const lockTimes: LockTimes = { beatMs: 5_000, watchMs: 20_000 };

type Options = {
  readonly disk: Disk;
  readonly times: LockTimes;
  readonly say: (line: string) => void;
};

/** @throws {JournalError} when another process has the lock */
export async function takeLock(directory: string, options: Options): Promise<Lock> {
  const { disk, times } = options;
  for (;;) {
    const found = locksIn(disk, directory);
    const { changed, owner } = await withoutOwner(directory, found, options);
    if (changed) continue;
    const number = (found.at(-1) ?? 0) + 1;
    const own = thisProcess();
    try {
      writeLock(disk, lockPath(directory, number), own);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw journalErrorOf(`lock the journal ${directory}`, error);
    }
    // Somebody may have made a lock before this one was there to be seen.
    const rivals = locksIn(disk, directory).filter(
      (each) => each !== number && !found.includes(each),
    );
    if (rivals.length > 0) {
      disk.removeNow(lockPath(directory, number));
      continue;
    }
    for (const each of found) disk.removeNow(lockPath(directory, each));
    if (owner) options.say(`took over the journal from ${nameOf(owner)}, which is gone`);
    return new Lock(directory, number, own, disk, times);
  }
}

/**
 * Waits until it is certain that none of these locks has an owner.
 *
 * @throws {JournalError} when one has
 */
async function withoutOwner(
  directory: string,
  numbers: readonly number[],
  { disk, times, say }: Options,
): Promise<{ changed: boolean; owner: Owner | undefined }> {
  let newest: Owner | undefined;
  for (const number of numbers) {
    const place = lockPath(directory, number);
    const before = lookAt(disk, place);
    if (!before) return { changed: true, owner: undefined };
    const { owner } = before;
    newest = owner ?? newest;
    const state = owner ? stateOf(owner) : "unknown";
    if (state === "alive") throw inUseError(directory, owner!);
    if (state === "dead") continue;
    say(
      `the journal ${directory} is locked by ${owner ? nameOf(owner) : "a scheduler that did not say who it is"}: ` +
        `waiting up to ${times.watchMs / 1000} s for a sign of life`,
    );
    const deadline = now() + times.watchMs;
    while (now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, times.watchMs / 20));
      const after = lookAt(disk, place);
      if (after?.owner?.nonce !== owner?.nonce) return { changed: true, owner: undefined };
      if (owner && after?.modified !== before.modified) throw inUseError(directory, owner);
    }
  }
  return { changed: false, owner: newest };
}

export class Lock {
  readonly #directory: string;
  readonly #number: number;
  readonly #own: Owner;
  readonly #disk: Disk;
  readonly #times: LockTimes;
  readonly #timer: NodeJS.Timeout;
  #lastBeat = now();
  #lost: JournalError | undefined;
  onLost: (error: JournalError) => void = () => undefined;
  /** Called at each beat, while the lock is held. */
  onBeat: () => void = () => undefined;

  constructor(directory: string, number: number, own: Owner, disk: Disk, times: LockTimes) {
    this.#directory = directory;
    this.#number = number;
    this.#own = own;
    this.#disk = disk;
    this.#times = times;
    this.#timer = setInterval(() => this.#tryToBeat(), times.beatMs);
    this.#timer.unref();
  }

  /** For long work without turns of the event loop: beats when it is time to. */
  beatIfDue(): void {
    if (now() - this.#lastBeat >= this.#times.beatMs) this.#tryToBeat();
  }

  /**
   * Makes sure, before something is written, that nobody has taken the lock meanwhile: this process may have
   * been stopped.
   *
   * @throws {JournalError} when it is lost, or cannot be read
   */
  check(): void {
    if (this.#lost) throw this.#lost;
    if (now() - this.#lastBeat < this.#times.watchMs / 2) return;
    try {
      this.#beat();
    } catch (error) {
      throw journalErrorOf(`see whether the journal ${this.#directory} is still locked`, error);
    }
  }

  release(): void {
    clearInterval(this.#timer);
    const place = lockPath(this.#directory, this.#number);
    if (lookAt(this.#disk, place)?.owner?.nonce === this.#own.nonce) this.#disk.removeNow(place);
  }

  #tryToBeat(): void {
    try {
      this.#beat();
    } catch {
      // The lock is lost, which was said; or the disk does not answer, which the next write will find out.
    }
  }

  #beat(): void {
    const place = lockPath(this.#directory, this.#number);
    const numbers = locksIn(this.#disk, this.#directory);
    const isNewest = numbers.at(-1) === this.#number;
    if (!isNewest || lookAt(this.#disk, place)?.owner?.nonce !== this.#own.nonce) {
      throw this.#lose(numbers.at(-1));
    }
    this.#disk.touch(place);
    this.#lastBeat = now();
    this.onBeat();
  }

  #lose(by: number | undefined): JournalError {
    clearInterval(this.#timer);
    const newest = by === undefined ? undefined : lockPath(this.#directory, by);
    const owner = newest && lookAt(this.#disk, newest)?.owner;
    // The new owner makes its file before it writes its name into it.
    const isTaken = owner ? owner.nonce !== this.#own.nonce : by !== undefined && by > this.#number;
    this.#lost ??= new JournalError(
      "lost",
      isTaken
        ? `the journal ${this.#directory} was taken over by ${owner ? nameOf(owner) : "another scheduler"}, since this scheduler did not answer`
        : `the lock of the journal ${this.#directory} was removed`,
    );
    this.onLost(this.#lost);
    return this.#lost;
  }
}

function locksIn(disk: Disk, directory: string): number[] {
  return matching(disk.list(directory), /^lock-(\d{6,})$/);
}

function lockPath(directory: string, number: number): string {
  return path.join(directory, `lock-${padded(number)}`);
}

function lookAt(
  disk: Disk,
  place: string,
): { owner: Owner | undefined; modified: bigint } | undefined {
  const text = readText(disk, place);
  if (text === undefined) return undefined;
  return { owner: ownerIn(text), modified: disk.facts(place).mtimeNs };
}

function writeLock(disk: Disk, place: string, own: Owner): void {
  const file = disk.create(place);
  try {
    writeAll(disk, file, [Buffer.from(`${JSON.stringify(own, null, 2)}\n`)], 0);
    disk.syncNow(file);
  } catch (error) {
    disk.removeNow(place);
    throw error;
  } finally {
    disk.close(file);
  }
}

function inUseError(directory: string, owner: Owner): JournalError {
  const who =
    owner.pid === process.pid && stateOf(owner) === "alive"
      ? `this process (${nameOf(owner)})`
      : nameOf(owner);
  return new JournalError(
    "in-use",
    `the journal ${directory} is in use by ${who}: end that scheduler first, or give another directory`,
  );
}
