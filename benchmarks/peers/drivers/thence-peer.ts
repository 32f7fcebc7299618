// thence, by its own command line as a user starts it: a scheduler, one worker with two threads, and this
// client. `map` and `gather`; a chain and a tree are submitted at once, futures as arguments.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "../../../src/index.ts";
import { allAtOnce, arraySum, chainSum, oneAtATime, serve, toOneValue, treeSum } from "./driver.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const schedulerFile = join(process.env["PEER_DIRECTORY"] ?? ".", "thence.json");

const daemons = [
  ["scheduler", "--port", "0"],
  ["worker", "--threads", "2", "--module", "benchmarks/peers/drivers/tasks.ts"],
].map((command) => {
  const all = ["cli/bin.js", ...command, "--scheduler-file", schedulerFile];
  return spawn(process.execPath, all, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
});
const client = await Client.connect<typeof import("./tasks.ts")>(schedulerFile);
await client.waitForWorkers(1, { timeoutMs: 30_000 });

async function tree(size: number): Promise<number> {
  const leaves = Array.from({ length: (size + 1) / 2 }, (_, i) => i);
  let level = client.map(
    "add",
    leaves,
    leaves.map(() => 1),
  );
  const futures = [...level];
  while (level.length > 1) {
    level = client.map(
      "add",
      level.filter((_, i) => i % 2 === 0),
      level.filter((_, i) => i % 2 === 1),
    );
    futures.push(...level);
  }
  const [sum] = await client.gather(level);
  client.release(futures);
  return sum!;
}

async function chain(size: number): Promise<number> {
  const futures = [client.submit("add", 0, 1)];
  while (futures.length < size) futures.push(client.submit("add", futures.at(-1)!, 1));
  const sum = await futures.at(-1)!.result();
  client.release(futures);
  return sum;
}

await serve(
  {
    "round-trip": oneAtATime(async (i) => {
      const future = client.submit("add", i, 1);
      const sum = await future.result();
      future.release();
      return sum;
    }),
    map: allAtOnce(async (size) => {
      const left = Array.from({ length: size }, (_, i) => i);
      const futures = client.map(
        "add",
        left,
        left.map(() => 1),
      );
      const sums = await client.gather(futures);
      client.release(futures);
      return sums;
    }),
    chain: toOneValue(chain, chainSum),
    tree: toOneValue(tree, treeSum),
    array: toOneValue(async (size) => {
      const made = client.submit("makeArray", size);
      const summed = client.submit("sumArray", made);
      const sum = await summed.result();
      client.release([made, summed]);
      return sum;
    }, arraySum),
  },
  async () => {
    await client.close();
    for (const daemon of daemons.reverse()) {
      const ended = once(daemon, "exit");
      if (daemon.exitCode === null && daemon.kill()) await ended;
    }
  },
);
