// Journals for tests: opens them with an identity of their own, and reads what is in them.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import {
  openJournal,
  type Journal,
  type JournalOptions,
} from "../../../scheduler/journal/journal.ts";

export const identity = { id: "s-1", token: "secret" };

/** Makes an empty directory, which is removed after the test. */
export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "thence-journal-"));
  directories.push(directory);
  return directory;
}
const directories: string[] = [];

const opened = new Set<Journal>();

afterEach(async () => {
  for (const journal of opened) await journal.close().catch(() => undefined);
  opened.clear();
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

/** Opens a journal, which is closed after the test. */
export async function open(
  directory: string,
  options: Partial<JournalOptions> = {},
): Promise<Journal> {
  const journal = await openJournal(directory, {
    version: "1.0.0",
    identity: () => identity,
    ...options,
  });
  opened.add(journal);
  return journal;
}

/** Writes each text as a record, in one write. */
export function write(journal: Journal, ...texts: readonly string[]): void {
  for (const text of texts) journal.append([text]);
  journal.write();
}

export function textsOf(records: Iterable<Uint8Array>): string[] {
  return Array.from(records, (record) => Buffer.from(record).toString());
}

/** What a successor would find. */
export async function textsIn(
  directory: string,
  options: Partial<JournalOptions> = {},
): Promise<string[]> {
  const journal = await open(directory, options);
  try {
    return textsOf(journal.records());
  } finally {
    await journal.close();
  }
}
