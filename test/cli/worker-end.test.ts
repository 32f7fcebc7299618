// When a worker leaves by itself.

import { afterEach, expect, test, vi } from "vitest";
import { workerEnd } from "../../cli/worker-end.ts";
import { silentLog } from "../../src/log.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("without a job and a lifetime no end is known", async () => {
  vi.stubEnv("SLURM_JOB_ID", undefined);
  const { timeLeftMs } = await workerEnd({ lifetimeStagger: 0, drainTimeout: 10_000 }, silentLog);
  expect(timeLeftMs()).toBeUndefined();
});

test("a lifetime ends with the drain, and earlier by a random part of the stagger", async () => {
  vi.stubEnv("SLURM_JOB_ID", undefined);
  const lefts: number[] = [];
  for (let time = 0; time < 20; time += 1) {
    const options = { lifetime: 100_000, lifetimeStagger: 40_000, drainTimeout: 10_000 };
    lefts.push((await workerEnd(options, silentLog)).timeLeftMs()!);
  }
  expect(Math.max(...lefts)).toBeLessThanOrEqual(110_000);
  expect(Math.min(...lefts)).toBeGreaterThan(60_000);
  expect(new Set(lefts.map((left) => Math.round(left / 1_000))).size).toBeGreaterThan(5);
});

test("a worker leaves when its lifetime is over, and before the time limit, keeping what it has", async () => {
  const end = Math.ceil(Date.now() / 1_000) + 10;
  vi.stubEnv("SLURM_JOB_ID", "12");
  vi.stubEnv("SLURM_JOB_START_TIME", `${end - 60}`);
  vi.stubEnv("SLURM_JOB_END_TIME", `${end}`);
  const options = { lifetime: 1, lifetimeStagger: 0, drainTimeout: 10_000 };
  const { leaveInTime } = await workerEnd(options, silentLog);
  const stop = vi.fn(async () => undefined);
  leaveInTime({ stop });
  await vi.waitFor(() => expect(stop).toHaveBeenCalledTimes(2));
  expect(stop).toHaveBeenCalledWith("its lifetime of 1ms is over");
  expect(stop).toHaveBeenCalledWith(
    "the time limit of 1 minute of Slurm job 12 is near",
    expect.any(Number),
    true,
  );
});
