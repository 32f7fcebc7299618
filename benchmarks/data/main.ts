// `npm run bench -- data`: how fast a large value goes from one worker to another, beside a bare
// WebSocket between as many processes, in time and in CPU time of both ends; and what it costs to hand
// one from thread to thread.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../src/index.ts";
import { cpuMicrosOf } from "../runner/cpu.ts";
import { Processes } from "../runner/processes.ts";
import { spread } from "../runner/statistics.ts";

type Tasks = typeof import("./tasks.ts");

const mebibyte = 1024 * 1024;

/** Takes turns with the floor, for a shared machine is quicker at one moment than at the next. */
export async function runDataBenchmark({
  rounds,
  quick,
}: {
  rounds: number;
  quick: boolean;
}): Promise<void> {
  const bytes = (quick ? 8 : 64) * mebibyte;
  const length = bytes / 8;
  const processes = new Processes();
  const directory = await mkdtemp(join(tmpdir(), "thence-bench-"));
  let client: Client<Tasks> | undefined;
  try {
    const schedulerFile = join(directory, "s.json");
    processes.start("cli/bin.js", ["scheduler", "--scheduler-file", schedulerFile, "--port", "0"]);
    const workers = ["a", "b"].map((name) =>
      processes.start("cli/bin.js", [
        ...["worker", "--no-supervise", "--scheduler-file", schedulerFile],
        ...["--name", name, "--threads", "2"],
        ...["--module", "benchmarks/data/tasks.ts"],
      ]),
    );
    const [holder, asker] = [0, 1].map(() =>
      processes.start("benchmarks/data/bare-peer.ts", [String(length)], { channel: true }),
    ) as [ReturnType<Processes["start"]>, ReturnType<Processes["start"]>];
    const port = (await holder.ask({})) as number;
    client = await Client.connect<Tasks>(schedulerFile);
    await client.waitForWorkers(2, { timeoutMs: 60_000 });
    const connected = client;
    const on = (worker: string) => connected.with({ workers: [worker] });
    const timed = async (work: () => Promise<unknown>) => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    /** Not a number where there is no /proc. */
    const cpuOf = async (both: readonly { pid: number }[]) => {
      const each = await Promise.all(both.map(({ pid }) => cpuMicrosOf(pid)));
      return each.reduce<number>((sum, micros) => sum + (micros ?? NaN), 0) / 1000;
    };

    const moved: number[] = [];
    const bare: number[] = [];
    const handed: number[] = [];
    const empty: number[] = [];
    const ratios: number[] = [];
    const movedCpu: number[] = [];
    const bareCpu: number[] = [];
    // The first few are to warm up.
    for (let round = -2; round < 3 * rounds; round++) {
      const large = on("a").submit("make", length);
      const small = on("a").submit("make", 1);
      await client.wait([large, small]);
      const inPlace = [
        await timed(() => on("a").submit("touch", small).result()),
        await timed(() => on("a").submit("touch", large).result()),
      ] as const;
      const cpu = [await cpuOf(workers), await cpuOf([holder, asker])] as const;
      const move = await timed(() => on("b").submit("touch", large).result());
      const bareMove = (await asker.ask({ port })) as number;
      const spent = [await cpuOf(workers), await cpuOf([holder, asker])] as const;
      client.release([large, small]);
      if (round < 0) continue;
      empty.push(inPlace[0]);
      handed.push(inPlace[1]);
      moved.push(move);
      bare.push(bareMove);
      ratios.push(bareMove / move);
      movedCpu.push(spent[0] - cpu[0]);
      bareCpu.push(spent[1] - cpu[1]);
    }
    const size = `${bytes / mebibyte} MiB Float64Array`;
    const perSecond = (ms: number) => bytes / mebibyte / (ms / 1000);
    const lines = [
      ["what", "unit", "median", "min–max"],
      row(`${size}, worker to worker`, "MiB/s", moved.map(perSecond), 0),
      row(`${size}, bare WebSocket`, "MiB/s", bare.map(perSecond), 0),
      row("  ratio, target ≥ 0.70", "×", ratios, 2),
      ...(Number.isNaN(movedCpu[0])
        ? []
        : [
            row("worker to worker, CPU of both", "ms", movedCpu, 0),
            row("bare WebSocket, CPU of both", "ms", bareCpu, 0),
          ]),
      row(`call with that, held where it runs`, "ms", handed, 2),
      row("call with 8 bytes", "ms", empty, 2),
    ];
    const table = lines.map((cells) => `| ${cells.join(" | ")} |`);
    table.splice(1, 0, "|---|---|---:|---:|");
    process.stdout.write(`${table.join("\n")}\n`);
  } finally {
    await client?.close();
    await processes.end();
    await rm(directory, { recursive: true, force: true });
  }
}

function row(what: string, unit: string, values: number[], decimals: number): string[] {
  const { median, min, max } = spread(values);
  const each = [median, min, max].map((value) => value.toFixed(decimals));
  return [what, unit, each[0]!, `${each[1]}–${each[2]}`];
}
