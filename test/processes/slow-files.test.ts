// Tasks that wait for slow files do not hold up others: a worker has as many of Node's threads for files
// as it has slots.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/index.ts";
import { root } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("../fixtures/reads-files.ts");
const module = path.join(root, "test", "fixtures", "reads-files.ts");

afterEach(cleanUp, patientMs);

/** Named pipes, at which a read waits until somebody writes, and a file. */
function files(count: number): { pipes: string[]; file: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const pipes = Array.from({ length: count }, (_, index) => path.join(folder, `pipe-${index}`));
  execFileSync("mkfifo", pipes);
  const file = path.join(folder, "file");
  writeFileSync(file, "quick");
  return { pipes, file };
}

async function readWhileOthersWait(client: Client<Tasks>, slots: number): Promise<void> {
  const { pipes, file } = files(slots - 1);
  const slow = client.map("read", pipes);
  expect(await client.submit("readOld", file).result({ timeoutMs: 20_000 })).toBe("quick");
  expect(slow.map(({ done }) => done)).toEqual(pipes.map(() => false));
  for (const pipe of pipes) writeFileSync(pipe, "slow");
  expect(await client.gather(slow)).toEqual(pipes.map(() => "slow"));
}

test.each([
  ["threads", { threads: 9 }, false],
  ["concurrency", { threads: 1, more: ["--concurrency", "9"] }, true],
  [
    "concurrency in a process",
    { threads: 1, more: ["--concurrency=9", "--isolation=processes"] },
    false,
  ],
] as const)(
  "of a daemon, by %s",
  async (_, options, isSupervised) => {
    const scheduler = await startScheduler();
    await startWorker(scheduler, { name: "one", modules: [module], isSupervised, ...options });
    const client = await connect<Tasks>(scheduler);
    await readWhileOthersWait(client, 9);
    expect(await client.submit("poolSizes").result()).toEqual(["unset", "unset"]);
  },
  patientMs,
);

test(
  "of Client.local",
  async () => {
    const client = await Client.local<Tasks>({ modules: [module], threads: 9 });
    onTestFinished(() => client.close());
    await readWhileOthersWait(client, 9);
  },
  patientMs,
);

test(
  "the number that the user has chosen stays",
  async () => {
    const scheduler = await startScheduler();
    const env = { ...process.env };
    process.env.UV_THREADPOOL_SIZE = "3";
    onTestFinished(() => void (process.env = env));
    await startWorker(scheduler, { name: "one", modules: [module] });
    const client = await connect<Tasks>(scheduler);
    expect(await client.submit("poolSizes").result()).toEqual(["3", "3"]);
  },
  patientMs,
);
