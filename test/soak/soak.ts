// Many small tasks in waves, on a scheduler, a worker and a client that are processes of their own as
// in real use; after each wave, what each of them keeps in memory once its garbage is collected.

import { Client, type Future } from "../../src/index.ts";
import {
  addCleanUp,
  arithmetic,
  patientMs,
  startScheduler,
  startWorker,
} from "../processes/daemons.ts";
import { forgotten, inspectable, lookInto, type Memory } from "./memory.ts";

type Tasks = typeof import("../fixtures/arithmetic.ts");

export type Row = { tasks: number; seconds: number; memory: Memory };

export type SoakOptions = {
  waves: number;
  tasksPerWave: number;
  /** Hears of each wave as it ends. */
  ended?: (row: Row) => void;
};

/** The first row is of before the first wave. */
export async function soak({ waves, tasksPerWave, ended }: SoakOptions): Promise<Row[]> {
  const scheduler = await startScheduler(undefined, inspectable);
  const worker = await startWorker(scheduler, {
    name: "soaked",
    modules: [arithmetic],
    threads: 2,
    flags: inspectable,
  });
  const client = await Client.connect<Tasks>(scheduler.url, {
    token: scheduler.token,
    timeoutMs: patientMs,
  });
  addCleanUp(() => client.close());
  const look = await lookInto({ scheduler: scheduler.program, worker });

  const rows: Row[] = [];
  const note = async (tasks: number, seconds: number) => {
    const row = { tasks, seconds, memory: await look() };
    rows.push(row);
    ended?.(row);
  };
  await note(0, 0);
  for (let wave = 1; wave <= waves; wave += 1) {
    const began = performance.now();
    await runWave(client, wave, tasksPerWave);
    const seconds = (performance.now() - began) / 1_000;
    await forgotten(client);
    await note(wave * tasksPerWave, seconds);
  }
  return rows;
}

/** Every other wave is let go of by hand, and the rest by the collector of garbage. */
async function runWave(client: Client<Tasks>, wave: number, tasks: number): Promise<void> {
  const numbers = Array.from({ length: tasks }, (_, index) => index);
  const futures: Future<number>[] = client.map("add", numbers, numbers);
  const sums = await client.gather(futures);
  const wrong = sums.findIndex((sum, index) => sum !== 2 * index);
  if (wrong !== -1) throw new Error(`task ${wrong} of wave ${wave} came to ${sums[wrong]}`);
  if (wave % 2 === 0) client.release(futures);
}

/** What may be kept more after the last wave than when everybody was warm: bytes. */
export const growthAllowed = 2 * 2 ** 20;

/** What each keeps more at the end than after the second wave, by when all code is compiled. */
export function growth(rows: readonly { memory: Memory }[]): Memory {
  const warm = rows[Math.min(2, rows.length - 1)]!.memory;
  const last = rows.at(-1)!.memory;
  return {
    scheduler: last.scheduler - warm.scheduler,
    worker: last.worker - warm.worker,
    client: last.client - warm.client,
  };
}
