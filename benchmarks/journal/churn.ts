// Many tasks come and go: how large the journal is then, and how long the scheduler's event loop stood still
// meanwhile, beside a scheduler without a journal.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Probed } from "../growth/probe.ts";
import type { Processes } from "../runner/processes.ts";
import { orEnded, startClient, startScheduler, startWorker } from "../thence/system.ts";
import type { Finding } from "./main.ts";

/** Tasks that come and go together. */
const wave = 100_000;

export async function measureChurn(
  processes: Processes,
  directory: string,
  quick: boolean,
): Promise<Finding[]> {
  const waves = quick ? 2 : 100;
  const journal = join(directory, "journal");
  const without = await run(processes, join(directory, "plain.json"), { waves: quick ? 2 : 20 });
  const kept = await run(processes, join(directory, "kept.json"), { waves, journal });
  return [
    [`journal after ${waves * wave} tasks came and went`, mebibytes(kept.lastBytes), "< 64 MiB"],
    ["  at most on the way", mebibytes(kept.mostBytes), ""],
    ["busiest turn of the event loop meanwhile", ms(kept.busiestTurnMs), "≤ 100 ms"],
    ["  without a journal", ms(without.busiestTurnMs), ""],
    ["longest pause between two turns, other processes included", ms(kept.longestPauseMs), ""],
    ["  without a journal", ms(without.longestPauseMs), ""],
  ];
}

async function run(
  processes: Processes,
  schedulerFile: string,
  { waves, journal }: { waves: number; journal?: string },
) {
  const more = journal === undefined ? [] : ["--journal", journal, "--no-supervise"];
  const probe = ["--import", "./benchmarks/growth/probe.ts"];
  const scheduler = startScheduler(processes, schedulerFile, probe, more, { channel: true });
  const worker = startWorker(processes, schedulerFile);
  const client = startClient(processes, schedulerFile, 1);
  const map = () => orEnded(client.ask({ scenario: "map-100k", size: wave }), scheduler, worker);
  // What runs for the first time is compiled first.
  await map();
  await scheduler.ask("read");
  let mostBytes = 0;
  for (let count = 1; count < waves; count++) {
    await map();
    if (journal !== undefined) mostBytes = Math.max(mostBytes, await bytesIn(journal));
  }
  const { busiestTurnMs, longestPauseMs } = (await scheduler.ask("read")) as Probed;
  const lastBytes = journal === undefined ? 0 : await settledBytesIn(journal);
  for (const each of [client, worker, scheduler]) await each.end();
  return { busiestTurnMs, longestPauseMs, mostBytes, lastBytes };
}

/** Once it has not changed for a while: no compaction is under way. */
async function settledBytesIn(folder: string): Promise<number> {
  for (let bytes = await bytesIn(folder); ;) {
    await sleep(quietMs);
    const now = await bytesIn(folder);
    if (now === bytes) return now;
    bytes = now;
  }
}
const quietMs = 3_000;

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    // Compaction may have removed it meanwhile.
    bytes += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
