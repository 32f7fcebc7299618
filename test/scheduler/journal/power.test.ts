// A loss of power at any moment, on a disk that keeps any part of what was not synced: with `machine`, what was
// told after a sync is there, in order, and the journal opens.

import fc from "fast-check";
import { expect, test } from "vitest";
import { readSegments, readSnapshot } from "../../../scheduler/journal/compaction-files.ts";
import { writeSnapshot } from "../../../scheduler/journal/snapshots.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { open, textsOf } from "./writes.ts";

const place = "/journal";
const version = "1.0.0";

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("write"), bytes: fc.nat(3000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("sync"), bytes: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rotate"), bytes: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact"), bytes: fc.nat() }) },
);

test("what was synced survives a loss of power at any moment", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.boolean()),
      async (lives, coins) => {
        let disk = new MemoryDisk();
        let [appended, told] = [0, 0];
        for (const steps of lives) {
          const journal = await open(place, { disk, durability: "machine" });
          const before = [...(journal.snapshot() ?? []), ...textsOf(journal.records())].map(Number);
          expect(before).toEqual(before.map((_, i) => i));
          expect(before.length).toBeGreaterThanOrEqual(told);
          expect(before.length).toBeLessThanOrEqual(appended);
          // Whoever opens it believes what is there.
          [appended, told] = [before.length, before.length];
          for (const { do: action, bytes } of steps) {
            if (action === "write") {
              for (let i = 0; i <= bytes % 3; i++) {
                journal.append([`${appended++}`.padStart(1 + bytes)]);
              }
              journal.write();
            } else if (action === "sync") {
              await journal.sync();
              told = appended;
            } else {
              const upTo = journal.rotate();
              if (action === "rotate") continue;
              const older = readSnapshot(place, { disk });
              const records = textsOf(
                readSegments(place, (older?.number ?? 0) + 1, upTo, { disk }),
              );
              writeSnapshot(place, upTo, [...(older?.chunks ?? []), ...records], { version, disk });
              journal.adopt(upTo);
              // What a snapshot says of records that were not synced is durable with it.
              told = appended;
            }
          }
          disk = disk.afterPowerLoss(() => coins.next().value);
          for (const name of [...disk.files().keys()].filter((each) => each.startsWith("lock"))) {
            disk.removeNow(`${place}/${name}`);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});
