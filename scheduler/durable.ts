// A scheduler with a journal begins where the last one on it ended: reads the newest snapshot, repeats the
// events after it, and from then on keeps its own.

import { formatSize } from "../src/size.ts";
import type { Log } from "../src/log.ts";
import { timestamp } from "../src/timers.ts";
import { version } from "../src/version.ts";
import { Compaction } from "./compaction.ts";
import type { CoreOptions } from "./core/state.ts";
import { JournalError } from "./journal/journal-error.ts";
import type { Durability } from "./journal/durability.ts";
import { openJournal, type Identity, type Journal } from "./journal/journal.ts";
import { Replica, type Kept } from "./replica.ts";

export type DurableOptions = {
  directory: string;
  durability: Durability;
  core: Partial<CoreOptions>;
  /** Who the scheduler is, if this journal is new. */
  identity: () => Identity;
  log: Log;
};

export type Durable = {
  readonly identity: Identity;
  readonly kept: Kept;
  readonly journal: Journal;
  readonly compaction: Compaction;
};

/**
 * Opens a journal, or makes one.
 *
 * @throws {JournalError} when it cannot be used, with what to do
 */
export async function openDurable(options: DurableOptions): Promise<Durable> {
  const { directory, durability, identity, log } = options;
  const { nearestNames: _, ...core } = options.core;
  const beganAt = timestamp();
  const journal = await openJournal(directory, { version, identity, durability, say: log.warning });
  try {
    const replica = Replica.from(journal.snapshot());
    const { tailVersion } = journal;
    if (tailVersion !== undefined && tailVersion !== version) {
      throw new JournalError(
        "other-version",
        `start thence ${tailVersion} on ${directory} once and end it by SIGTERM, then this version can go on: ` +
          `only the version that wrote a record can repeat it, and this is ${version}`,
      );
    }
    let records = 0;
    for (const record of journal.records()) {
      replica.repeat(record);
      records++;
    }
    const isNew = replica.kept === undefined;
    const kept = replica.goOn(journal, core);
    await journal.sync();
    const { state } = kept;
    if (!isNew) {
      const tookMs = Math.round(timestamp() - beganAt);
      log.info(
        `goes on from its journal, with ${counted(state.tasks.size, "task")}, ` +
          `${counted(state.workers.size, "worker")} and ${counted(state.clients.size, "client")}: ` +
          `${counted(records, "record")} after a snapshot of ${formatSize(journal.snapshotBytes)}, read in ${tookMs} ms`,
      );
    }
    const compaction = new Compaction({ directory, journal, log });
    return { identity: journal.identity, kept, journal, compaction };
  } catch (error) {
    await journal.close();
    throw error;
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
