// Adaptive quadrature: the area under a curve that is smooth in some places and rough in others. A task
// divides a piece that is too rough, submits the halves and waits for them, so the number of tasks is
// not known in advance.

import { currentTask } from "../../worker/index.ts";

export type Area = { value: number; tasks: number };

/** A curve that oscillates faster and faster towards zero. */
const curve = (x: number): number => Math.sin(1 / x);

/** Pieces narrower than this are divided by a loop: a task should be worth its overhead. */
const finestTask = 1 / 256;

/** The area from `low` to `high`, to about `tolerance`. */
export async function area(low: number, high: number, tolerance: number): Promise<Area> {
  if (high - low < finestTask) return { value: areaHere(low, high, tolerance), tasks: 1 };
  const estimate = estimateOf(low, high);
  if (estimate.error < tolerance) return { value: estimate.value, tasks: 1 };
  const middle = (low + high) / 2;
  const { client } = currentTask();
  const [left, right] = await client.gather([
    client.submit(area, low, middle, tolerance / 2),
    client.submit(area, middle, high, tolerance / 2),
  ]);
  return { value: left.value + right.value, tasks: left.tasks + right.tasks + 1 };
}

/** The same area without tasks, to check their result. */
export function areaHere(low: number, high: number, tolerance: number): number {
  const { value, error } = estimateOf(low, high);
  if (error < tolerance || high - low < 1e-9) return value;
  const middle = (low + high) / 2;
  return areaHere(low, middle, tolerance / 2) + areaHere(middle, high, tolerance / 2);
}

/** Simpson's rule on the whole piece and on its halves, and the difference (Lyness, 1969). */
function estimateOf(low: number, high: number): { value: number; error: number } {
  const middle = (low + high) / 2;
  const whole = simpson(low, high);
  const halves = simpson(low, middle) + simpson(middle, high);
  const difference = (halves - whole) / 15;
  return { value: halves + difference, error: Math.abs(difference) };
}

function simpson(low: number, high: number): number {
  return ((high - low) / 6) * (curve(low) + 4 * curve((low + high) / 2) + curve(high));
}
