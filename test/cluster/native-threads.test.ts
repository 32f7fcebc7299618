// How many threads native code in tasks may start, from the cores of a worker and from what its user has set.

import { expect, test } from "vitest";
import { limitNativeThreads } from "../../cluster/native-threads.ts";

test.each<[cores: number, threads: number, each: string]>([
  [8, 8, "1"],
  [8, 2, "4"],
  [8, 3, "2"],
  [2, 16, "1"],
])("of %i cores, each of %i threads has %s", (cores, threads, each) => {
  const environment: Record<string, string> = {};
  limitNativeThreads(environment, { cores, threads });
  expect(environment).toMatchObject({ OMP_NUM_THREADS: each, MKL_NUM_THREADS: each });
  expect(environment).toMatchObject({ OPENBLAS_NUM_THREADS: each, RAYON_NUM_THREADS: each });
});

test("what the user has set stays, and the number for OpenMP is that of the others", () => {
  const environment = { OMP_NUM_THREADS: "6,2", NUMEXPR_NUM_THREADS: "3" };
  limitNativeThreads(environment, { cores: 8, threads: 8 });
  expect(environment).toMatchObject({
    OMP_NUM_THREADS: "6,2",
    NUMEXPR_NUM_THREADS: "3",
    MKL_NUM_THREADS: "6",
    VECLIB_MAXIMUM_THREADS: "6",
  });
});
