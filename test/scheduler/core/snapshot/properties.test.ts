// A thawed state behaves as the one that was frozen: after any history both are given the same further
// events, and every step has the same effects.
//
// CORE_RUNS sets how many runs are tried, CORE_LENGTH how many events each has at most.

import assert from "node:assert";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkInvariants } from "../../../../scheduler/core/invariants.ts";
import { thaw } from "../../../../scheduler/core/snapshot/thaw.ts";
import type { State } from "../../../../scheduler/core/state.ts";
import { nextWakeUp, step } from "../../../../scheduler/core/step.ts";
import { actAll, actions, coreOptions } from "../actions.ts";
import { World } from "../world.ts";
import { frozen } from "./through.ts";

const numRuns = Number(process.env["CORE_RUNS"] ?? 300);
const maxLength = Number(process.env["CORE_LENGTH"] ?? 120);

test(
  "a thawed state behaves as the one that was frozen",
  { timeout: 30_000 + 100 * numRuns },
  () => {
    const runs = fc.array(actions, { maxLength, size: "max" });
    const further = fc.array(actions, { maxLength: maxLength / 2, size: "max" });
    const workerTimeouts = fc.constantFrom(undefined, 30);
    const momentOfEnding = fc.option(fc.nat(maxLength), { freq: 1, nil: undefined });
    fc.assert(
      fc.property(
        runs,
        further,
        workerTimeouts,
        momentOfEnding,
        (run, rest, workerTimeoutMs, endingAt) => {
          const world = new World({ ...coreOptions, workerTimeoutMs });
          actAll(world, run, endingAt);
          const chunks = frozen(world.state);
          const thawed = thaw(chunks) as State;
          checkInvariants(thawed);
          expect(frozen(thawed)).toEqual(chunks);
          const before = world.events.length;
          actAll(world, rest, endingAt);
          for (const [index, { now, event }] of world.events.slice(before).entries()) {
            assert.deepStrictEqual(step(thawed, now, event), world.effects[before + index]);
            checkInvariants(thawed);
          }
          expect(nextWakeUp(thawed)).toBe(nextWakeUp(world.state));
          expect(frozen(thawed)).toEqual(frozen(world.state));
        },
      ),
      { numRuns },
    );
  },
);
