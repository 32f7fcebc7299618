// The thread that compacts a journal: repeats what is in its closed segments, from the last snapshot on,
// and writes what came of it as the next one.

import { workerData } from "node:worker_threads";
import { version } from "../src/version.ts";
import { readSegments, readSnapshot } from "./journal/compaction-files.ts";
import { writeSnapshot } from "./journal/snapshots.ts";
import { Replica } from "./replica.ts";

/** `upTo`: the last segment that the snapshot has to cover. */
export type CompactionOrder = { readonly directory: string; readonly upTo: number };

const { directory, upTo } = workerData as CompactionOrder;
const snapshot = readSnapshot(directory);
const replica = Replica.from(snapshot?.chunks);
for (const record of readSegments(directory, (snapshot?.number ?? 0) + 1, upTo)) {
  replica.repeat(record);
}
writeSnapshot(directory, upTo, replica.freeze(), { version });
