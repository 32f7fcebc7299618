// A peer's processes are all ended: those that left the group, were orphaned or do not listen.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { MARK, ProcessTree } from "../../benchmarks/peers/process-tree.ts";

const script = `
  trap '' TERM
  setsid sh -c 'echo $$; exec sleep 1000' &
  (sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &)
  env -i setsid sh -c 'echo $$; exec sleep 1000' &
  echo $$
  while :; do sleep 1; done
`;

test.skipIf(!existsSync("/proc/self/environ"))("nothing of a tree is left", async () => {
  const tree = new ProcessTree(`test-${process.pid}`);
  const child = spawn("sh", ["-c", script], {
    detached: true,
    env: { ...process.env, [MARK]: tree.mark },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit");
  tree.add(child.pid!);
  const pids: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (pids.push(Number(line)) === 4) break;
  }
  expect(pids.filter(runs)).toEqual(pids);
  await tree.end();
  await ended;
  expect(pids.filter(runs)).toEqual([]);
});

/** One that is dead and not yet reaped by the system does not. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
