// `npm run bench -- tls`: what encryption costs. Two clusters on loopback take turns, one with TLS and one without;
// the ratios are those of one round.

import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../src/index.ts";
import { openWebSocket } from "../../src/link/socket-ws.ts";
import type { SchedulerFile } from "../../src/meeting/scheduler-file.ts";
import { Processes } from "../runner/processes.ts";
import { spread } from "../runner/statistics.ts";
import { figureOf, type Sample } from "../scenario.ts";
import { startThence } from "../thence/system.ts";

const mebibyte = 1024 * 1024;

/** Measures once: a figure where more is better, or less. */
type Measure = {
  readonly what: string;
  readonly unit: string;
  readonly decimals: number;
  readonly target: string;
  readonly take: (cluster: Cluster) => Promise<number>;
};

type Cluster = {
  sample(scenario: string, size: number): Promise<Sample>;
  /** Milliseconds that a value of so many bytes takes from one worker to another. */
  move(bytes: number): Promise<number>;
  /** Milliseconds until so many new connections are open, made at once. */
  connect(connections: number): Promise<number>;
  close(): Promise<void>;
};

export async function runTlsBenchmark(options: { rounds: number; quick: boolean }): Promise<void> {
  const { rounds, quick } = options;
  const processes = new Processes();
  const directory = await mkdtemp(join(tmpdir(), "thence-bench-"));
  const clusters: Cluster[] = [];
  try {
    for (const tls of ["off", "on"]) {
      const folder = join(directory, tls);
      await mkdir(folder);
      clusters.push(await startCluster(processes, folder, tls));
    }
    const [plain, secure] = clusters as [Cluster, Cluster];
    const lines: string[][] = [["what", "unit", "without", "with", "ratio", "min–max", "target"]];
    for (const { what, unit, decimals, target, take } of measures(quick)) {
      const [without, with_, ratios]: [number[], number[], number[]] = [[], [], []];
      for (let round = -1; round < rounds; round++) {
        // Who goes first changes from round to round.
        const order = round % 2 === 0 ? [plain, secure] : [secure, plain];
        const taken = new Map<Cluster, number>();
        for (const cluster of order) taken.set(cluster, await take(cluster));
        if (round < 0) continue;
        without.push(taken.get(plain)!);
        with_.push(taken.get(secure)!);
        ratios.push(taken.get(secure)! / taken.get(plain)!);
      }
      const { median, min, max } = spread(ratios);
      lines.push([
        what,
        unit,
        spread(without).median.toFixed(decimals),
        spread(with_).median.toFixed(decimals),
        median.toFixed(2),
        `${min.toFixed(2)}–${max.toFixed(2)}`,
        target,
      ]);
    }
    lines.splice(
      1,
      0,
      lines[0]!.map(() => "---"),
    );
    process.stdout.write(`${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n\n`);
  } finally {
    for (const cluster of clusters) await cluster.close();
    await processes.end();
    await rm(directory, { recursive: true, force: true });
  }
}

function measures(quick: boolean): Measure[] {
  const tasks = quick ? 10_000 : 100_000;
  const bytes = (quick ? 8 : 64) * mebibyte;
  const connections = quick ? 50 : 250;
  return [
    {
      what: `map and gather (${tasks})`,
      unit: "tasks/s",
      decimals: 0,
      target: "≥ 0.80",
      take: async (cluster) =>
        figureOf(await cluster.sample("map-100k", tasks), "tasksPerSecond") ?? NaN,
    },
    {
      what: "round trip, p50",
      unit: "ms",
      decimals: 3,
      target: "",
      take: async (cluster) =>
        figureOf(await cluster.sample("round-trip", quick ? 200 : 2_000), "p50Ms") ?? NaN,
    },
    {
      what: `${bytes / mebibyte} MiB, worker to worker`,
      unit: "MiB/s",
      decimals: 0,
      target: "≥ 0.50",
      take: async (cluster) => bytes / mebibyte / ((await cluster.move(bytes)) / 1_000),
    },
    {
      what: `${connections} connections at once`,
      unit: "ms",
      decimals: 0,
      target: "",
      take: (cluster) => cluster.connect(connections),
    },
  ];
}

type Tasks = typeof import("../data/tasks.ts");

async function startCluster(processes: Processes, folder: string, tls: string): Promise<Cluster> {
  const system = await startThence(processes, folder, ["--tls", tls]);
  // Workers of their own for the transfers, so that their values are in nobody's way.
  const schedulerFile = join(folder, "transfer.json");
  const withTls = ["--tls", tls, "--scheduler-file", schedulerFile];
  processes.start("cli/bin.js", ["scheduler", "--port", "0", ...withTls]);
  for (const name of ["a", "b"]) {
    const module = ["--module", "benchmarks/data/tasks.ts"];
    const worker = ["worker", "--no-supervise", "--name", name, "--threads", "2"];
    processes.start("cli/bin.js", [...worker, ...module, ...withTls]);
  }
  const client = await Client.connect<Tasks>(schedulerFile);
  await client.waitForWorkers(2, { timeoutMs: 60_000 });
  const { urls, token } = JSON.parse(await readFile(schedulerFile, "utf8")) as SchedulerFile;
  const on = (worker: string) => client.with({ workers: [worker] });
  return {
    sample: (scenario, size) => system.sample(scenario, size),
    async move(bytes) {
      const value = on("a").submit("make", bytes / 8);
      await client.wait([value]);
      const start = performance.now();
      await on("b").submit("touch", value).result();
      const tookMs = performance.now() - start;
      client.release([value]);
      return tookMs;
    },
    async connect(connections) {
      const target = { url: urls[0]!, token };
      const start = performance.now();
      const sockets = await Promise.all(
        Array.from({ length: connections }, () => openWebSocket(target, { timeoutMs: 60_000 })),
      );
      const tookMs = performance.now() - start;
      for (const socket of sockets) socket.terminate();
      return tookMs;
    },
    close: () => client.close(),
  };
}
