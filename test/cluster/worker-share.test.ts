// What one of several workers of a process takes of what that may use.

import { expect, test } from "vitest";
import { workerShare } from "../../cluster/worker-share.ts";

const job = {
  SLURM_JOB_ID: "7",
  SLURM_CPUS_PER_TASK: "4",
  SLURM_MEM_PER_NODE: "1000",
  CUDA_VISIBLE_DEVICES: "0,1,2",
};

test("two workers divide threads, memory and GPUs of a job", () => {
  const [first, second] = [0, 1].map((number) => workerShare({}, { workers: 2, number }, job));
  const all = workerShare({}, {}, job);
  expect([first!.threads, second!.threads, all.threads]).toEqual([2, 2, 4]);
  expect(first!.memoryBytes).toBe(second!.memoryBytes);
  expect(first!.memoryBytes).toBeLessThan(0.6 * 500 * 2 ** 20);
  const names = [first, second, all].map((share) => share!.devices["gpu"]!.map(({ name }) => name));
  expect(names).toEqual([["0", "2"], ["1"], ["0", "1", "2"]]);
  expect([first!.resources, second!.resources]).toEqual([{ gpu: 2 }, { gpu: 1 }]);
});

test("what the user chose goes before it", () => {
  const chosen = { threads: 3, memoryLimit: 77, resources: { gpu: 1, disk: 5 } };
  const share = workerShare(chosen, {}, job);
  expect(share).toMatchObject({ threads: 3, memoryBytes: 77, resources: { gpu: 1, disk: 5 } });
  expect(share.devices["gpu"]).toHaveLength(1);
  expect(workerShare({}, {}, {}).resources).toEqual({});
});
