// Every scenario, in the order of the table.

import type { Scenario } from "./scenario.ts";
import { chain } from "./scenarios/chain.ts";
import { floorBurst, floorThread, floorThreadTrip } from "./scenarios/floor.ts";
import { map100k, map10k } from "./scenarios/map.ts";
import { queue } from "./scenarios/queue.ts";
import { roundTrip } from "./scenarios/round-trip.ts";
import { submit } from "./scenarios/submit.ts";
import { tree } from "./scenarios/tree.ts";

export const scenarios: readonly Scenario[] = [
  roundTrip,
  map10k,
  map100k,
  submit,
  chain,
  tree,
  queue,
  floorBurst,
  floorThread,
  floorThreadTrip,
];
