// The smaller, counted part of the soak; `npm run soak` is the whole.

import { afterAll, expect, test } from "vitest";
import { cleanUp, patientMs } from "../processes/daemons.ts";
import { churn } from "./churn.ts";
import { growth, growthAllowed, soak } from "./soak.ts";

afterAll(cleanUp, patientMs);

test(
  "the memory of scheduler, worker and client returns to where it was after 100,000 tasks in waves",
  async () => {
    const rows = await soak({ waves: 10, tasksPerWave: 10_000 });
    for (const [who, bytes] of Object.entries(growth(rows))) {
      expect(bytes, `bytes that the ${who} keeps more`).toBeLessThan(growthAllowed);
    }
  },
  3 * patientMs,
);

test(
  "clients that come and go while workers die leave nothing behind, with small heaps",
  async () => {
    const rows = await churn({ rounds: 1, storiesPerRound: 12, seed: Date.now() % 2 ** 31 });
    expect(rows.map(({ stories }) => stories)).toEqual([0, 12]);
  },
  3 * patientMs,
);
