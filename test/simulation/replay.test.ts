// What a journal relies on: the scheduler's core is given what it was given in a simulation once more, by
// another state that is frozen and thawed on the way, and does the same.
//
// REPLAY_SEEDS sets how many seeds are tried.

import assert from "node:assert";
import { expect, test } from "vitest";
import type { Effect } from "../../scheduler/core/effects.ts";
import { thaw } from "../../scheduler/core/snapshot/thaw.ts";
import { createState, type State } from "../../scheduler/core/state.ts";
import { step, type Event } from "../../scheduler/core/step.ts";
import { frozen } from "../scheduler/core/snapshot/through.ts";
import { simulate } from "./simulation.ts";

type Step = { now: number; event: Event; effects: readonly Effect[] };

const seeds = Number(process.env["REPLAY_SEEDS"] ?? 60);
/** Steps after which the state that repeats them is frozen and thawed. */
const stepsBetween = 97;

test(
  "the same events have the same effects, across snapshots",
  { timeout: 5_000 * seeds },
  async () => {
    let repeated = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      // A scheduler that is restarted has another state.
      const runs = new Map<State, Step[]>();
      const { problems } = await simulate(seed, {
        stepped: (state, event, { now, effects }) => {
          const steps = runs.get(state);
          if (steps) steps.push({ now, event, effects });
          else runs.set(state, [{ now, event, effects }]);
        },
      });
      expect([seed, problems]).toEqual([seed, []]);
      for (const [state, steps] of runs) {
        const last = replay(state, steps, `seed ${seed}`);
        assert.deepStrictEqual(frozen(last), frozen(state), `seed ${seed}: another state`);
        repeated += steps.length;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(repeated).toBeGreaterThan(20 * seeds);
  },
);

/** Returns the state after the last step. */
function replay({ options }: State, steps: readonly Step[], where: string): State {
  let state = createState(options);
  for (const [index, { now, event, effects }] of steps.entries()) {
    const again = step(state, now, event);
    assert.deepStrictEqual(again, effects, `${where}: step ${index}, ${event.type}`);
    if (index % stepsBetween === stepsBetween - 1) state = thaw(frozen(state)) as State;
  }
  return state;
}
