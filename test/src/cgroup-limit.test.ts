// The memory limit of a process's control groups, read from files as the kernel and Slurm write them.

import { expect, test } from "vitest";
import { cgroupMemoryLimit } from "../../src/cgroup-limit.ts";

const gib = 2 ** 30;
/** No limit, as version 1 writes it. */
const none = "9223372036854771712\n";

const version1 = {
  mount: "32 31 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory",
  other: "33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset",
};
const version2 = "30 23 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate";

test.each<[situation: string, files: Record<string, string>, limit: number]>([
  ["without any", {}, Infinity],
  [
    "version 1, on the step",
    {
      "/proc/self/cgroup":
        "5:cpuset:/slurm/uid_1/job_7\n4:memory:/slurm/uid_1/job_7/step_0/task_0\n",
      "/proc/self/mountinfo": `${version1.other}\n${version1.mount}\n`,
      "/sys/fs/cgroup/memory/slurm/uid_1/job_7/step_0/task_0/memory.limit_in_bytes": none,
      "/sys/fs/cgroup/memory/slurm/uid_1/job_7/step_0/memory.limit_in_bytes": `${2 * gib}\n`,
      "/sys/fs/cgroup/memory/slurm/uid_1/job_7/memory.limit_in_bytes": `${4 * gib}\n`,
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": none,
    },
    2 * gib,
  ],
  [
    "version 2, on the job",
    {
      "/proc/self/cgroup": "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n",
      "/proc/self/mountinfo": `${version2}\n`,
      "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/user/task_0/memory.max": "max\n",
      "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max": `${3 * gib}\n`,
      "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.high": "max\n",
    },
    3 * gib,
  ],
  [
    "version 2, throttled before it is killed",
    {
      "/proc/self/cgroup": "0::/a\n",
      "/proc/self/mountinfo": `${version2}\n`,
      "/sys/fs/cgroup/a/memory.max": `${3 * gib}\n`,
      "/sys/fs/cgroup/a/memory.high": `${2 * gib}\n`,
    },
    2 * gib,
  ],
  [
    "in a container that sees its own group as the top",
    {
      "/proc/self/cgroup": "0::/\n",
      "/proc/self/mountinfo": `${version2}\n`,
      "/sys/fs/cgroup/memory.max": `${gib}\n`,
    },
    gib,
  ],
  [
    "in a container whose mount begins at its group",
    {
      "/proc/self/cgroup": "4:memory:/docker/c1/inner\n",
      "/proc/self/mountinfo":
        "32 31 0:29 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "/sys/fs/cgroup/memory/inner/memory.limit_in_bytes": none,
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${gib}\n`,
    },
    gib,
  ],
  [
    "in a group outside of what it sees",
    {
      "/proc/self/cgroup": "0::/../other\n",
      "/proc/self/mountinfo": `${version2}\n`,
      "/sys/fs/cgroup/memory.max": `${gib}\n`,
      "/sys/fs/other/memory.max": "1\n",
    },
    gib,
  ],
  [
    "both versions, the memory in version 1",
    {
      "/proc/self/cgroup": "4:memory:/a\n0::/\n",
      "/proc/self/mountinfo": `${version1.mount}\n38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": `${gib}\n`,
    },
    gib,
  ],
])("%s", (_situation, files, limit) => {
  const read = cgroupMemoryLimit((file) => files[file]);
  // "No limit" of version 1 is left as it is: larger than any machine.
  expect(read > 2 ** 60 ? Infinity : read).toBe(limit);
});

test("on this machine it is some positive number", () => {
  expect(cgroupMemoryLimit()).toBeGreaterThan(0);
});
