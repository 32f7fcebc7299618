// Two projects: the suite, and the tests on a real Slurm, which are skipped with a message without one.

import { availableParallelism } from "node:os";
import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Each test file has its own process, because many start threads, open ports or check for leaks.
    pool: "forks",
    // More than one for each core, because the longest tests mostly wait for processes that they started.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // Many tests start processes, which spend most of their time compiling; the cache saves a third.
    env: {
      NODE_COMPILE_CACHE: path.join(import.meta.dirname, "node_modules", ".cache", "compiled"),
    },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/slurm/**"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "slurm",
          include: ["test/slurm/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          // One cluster at a time: the daemons share two cores and a port range.
          fileParallelism: false,
        },
      },
    ],
  },
});
