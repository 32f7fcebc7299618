// Two nodes with addresses of their own and an interface that is named ib0, in network namespaces: the
// ranks of a run find each other by it, though loopback is another one on each.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command, Program, reap, root } from "../processes.ts";

const tasks = path.join(root, "examples", "guide", "tasks.ts");
const main = path.join(root, "examples", "guide", "main.ts");
const nodes = [1, 2].map((node) => ({
  name: `thence-${process.pid}-${node}`,
  address: `10.213.0.${node}`,
}));
const [first, second] = nodes as [(typeof nodes)[number], (typeof nodes)[number]];

/** Why there can be no namespaces here; undefined when they are made. */
function makeNodes(): string | undefined {
  try {
    for (const { name } of nodes) ip("netns", "add", name);
    ip(
      "link",
      "add",
      "ib0",
      "netns",
      first.name,
      "type",
      "veth",
      "peer",
      "ib0",
      "netns",
      second.name,
    );
    for (const { name, address } of nodes) {
      ip("-n", name, "address", "add", `${address}/24`, "dev", "ib0");
      for (const each of ["lo", "ib0"]) ip("-n", name, "link", "set", each, "up");
    }
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}

const why = makeNodes();
if (why !== undefined) console.warn(`no network namespaces: ${why}`);

afterAll(async () => {
  await reap();
  for (const { name } of nodes) {
    try {
      ip("netns", "delete", name);
    } catch {
      // It could not be made.
    }
  }
});

describe.skipIf(why !== undefined)("between two nodes with an interface ib0", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Starts `thence …` on a node, as a task of a step of two. */
  function start(rank: 0 | 1, args: readonly string[]): Program {
    const { name } = nodes[rank]!;
    return new Program("ip", ["netns", "exec", name, process.execPath, command, ...args], {
      cwd: folder,
      env: {
        SLURM_JOB_ID: "12",
        SLURM_STEP_ID: "0",
        SLURM_PROCID: String(rank),
        SLURM_STEP_NUM_TASKS: "2",
        SLURM_STEP_NUM_NODES: "2",
        SLURM_JOB_NUM_NODES: "2",
        SLURMD_NODENAME: `n${rank + 1}`,
      },
    });
  }

  test("a run chooses it by itself, and says so", async () => {
    const args = ["run", "--log-level", "info", "--threads", "1", "--module", tasks, main];
    const [one, two] = [start(0, args), start(1, args)];
    await one.wrote(/listens on ib0 \(10\.213\.0\.1\), a fast network of this node/);
    const [{ how, stdout, stderr }, other] = await Promise.all([one.ended, two.ended]);
    expect({ how, stdout }, stderr).toEqual({ how: 0, stdout: "11\n13\n15\n17\n19\n" });
    expect(other.how, other.stderr).toBe(0);
    expect(stderr).toMatch(/worker n2-\S+-1 joined/);
  }, 60_000);

  test("the doctor on another node sees a scheduler that listens on loopback only", async () => {
    const file = path.join(folder, "s.json");
    const scheduler = start(0, ["scheduler", "--host", "127.0.0.1", "--scheduler-file", file]);
    await scheduler.wrote(/connect a worker with/);
    const here = await start(0, ["doctor", "--scheduler-file", file]).ended;
    expect(here.how, here.stdout).toBe(0);
    const there = await start(1, ["doctor", "--scheduler-file", file]).ended;
    expect(there.how).toBe(1);
    expect(there.stdout).toMatch(/fail {2}ws:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/);
    await scheduler.end();
  }, 60_000);
});
