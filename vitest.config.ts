// Two projects: the suite, and the one that needs a real Slurm, which skips itself with a word why.

import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // A process for each test file, since many start threads, open ports or watch for leaks.
    pool: "forks",
    // One for each core, and not one less: the longest tests mostly wait for processes they started.
    maxWorkers: "100%",
    // Many tests start processes, and most of a short one's time is compiling: a third less with this.
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
          // One cluster at a time: its daemons share the two cores and a port range.
          fileParallelism: false,
        },
      },
    ],
  },
});
