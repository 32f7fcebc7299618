// Which strands a simulation has: each seed has some kinds and leaves the others out.

import { retired, startedAnew } from "./administered.ts";
import { guarded } from "./guarded.ts";
import { awaited, queued, varied } from "./handed.ts";
import { kept } from "./kept.ts";
import { ownKeys, pureCalls } from "./named.ts";
import { published } from "./published.ts";
import { scheduled } from "./scheduled.ts";
import { refused } from "./refused.ts";
import { scattered } from "./scattered.ts";
import type { Stage } from "./stage.ts";
import { watched } from "./watched.ts";

/** With how likely each is. */
const kinds: readonly [start: (stage: Stage) => void, probability: number][] = [
  [pureCalls, 0.2],
  [ownKeys, 0.2],
  [published, 0.2],
  [kept, 0.25],
  [scattered, 0.25],
  [guarded, 0.25],
  [queued, 0.2],
  [awaited, 0.15],
  [varied, 0.15],
  [watched, 0.2],
  [retired, 0.2],
  [startedAnew, 0.05],
  [scheduled, 0.2],
];

export function startStrands(stage: Stage): void {
  // The others do not make their calls again.
  const { fillsDisk, fillsMemory } = stage.options.faults;
  if (fillsDisk || fillsMemory) return refused(stage);
  for (const [start, probability] of kinds) if (stage.random.chance(probability)) start(stage);
}
