// The peers: what each needs, how its driver is started, and which fast way of its own it is given. The
// driver itself, in drivers/, says more.

import type { Part } from "./install/part.ts";

export type Peer = {
  /** As given to `--only`. */
  name: string;
  title: string;
  needs: readonly Part[];
  /** The part whose version the table shows. */
  version: Part;
  /** A script of drivers/, and what comes after it. */
  driver: readonly [script: string, ...rest: string[]];
  redis?: true;
  /** Measures that it has no notion of. */
  lacks?: readonly string[];
  fastWay: string;
  documentation: string;
};

const numpy: Part = "python:numpy";
const dask: Part = "python:dask[distributed]";
const ray: Part = "python:ray";
const celery: Part = "python:celery[redis]";
const frisky: Part = "python:frisky";
const hyperqueue: Part = "python:hyperqueue";
const bullmq: Part = "npm:bullmq";
const ioredis: Part = "npm:ioredis";
const piscina: Part = "npm:piscina";
const redis: Part = "debian:redis-server";
const parallel: Part = "debian:parallel";

export const peers: readonly Peer[] = [
  {
    name: "dask",
    title: "Dask distributed",
    needs: [dask, numpy],
    version: dask,
    driver: ["dask-peer.py"],
    fastWay: "`map` and `gather`, two worker processes of one thread",
    documentation: "Dask, “Best Practices” (processes and threads) and “Futures”",
  },
  {
    name: "celery",
    title: "Celery + Redis",
    needs: [celery, numpy, redis],
    version: celery,
    driver: ["celery-peer.py"],
    redis: true,
    fastWay:
      "`group`, two prefork children, `-O fair`, `worker_prefetch_multiplier` 128; the driver awaits each call of a chain and each level of a tree",
    documentation: "Celery, “Optimizing” (prefetch limits) and “Canvas”",
  },
  {
    name: "ray",
    title: "Ray",
    needs: [ray, numpy],
    version: ray,
    driver: ["ray-peer.py"],
    fastWay: "remote functions, one `ray.get` for all, two CPUs",
    documentation: "Ray Core, “Tasks” and “Design Patterns” (`ray.get` in a loop)",
  },
  {
    name: "frisky",
    title: "Frisky, processes",
    needs: [frisky, numpy],
    version: frisky,
    driver: ["frisky-peer.py", "processes"],
    fastWay: "`map` and `gather`, two worker processes of one thread over a Unix socket",
    documentation: "Frisky, `LocalCluster` (its docstring)",
  },
  {
    name: "frisky-threads",
    title: "Frisky, in one process",
    needs: [frisky, numpy],
    version: frisky,
    driver: ["frisky-peer.py", "threads"],
    fastWay:
      "the same in the driver's own process, its default: no network, one interpreter's lock",
    documentation: "Frisky, `LocalCluster` (its docstring)",
  },
  {
    name: "hyperqueue",
    title: "HyperQueue (Python package)",
    needs: [hyperqueue],
    version: hyperqueue,
    driver: ["hyperqueue-peer.py"],
    lacks: ["array"],
    fastWay: "one job for all tasks, `true` with no output files, two cores; a task is a process",
    documentation: "HyperQueue, “Python API” and “FAQ” (how many jobs)",
  },
  {
    name: "bullmq",
    title: "BullMQ + Redis",
    needs: [bullmq, ioredis, redis],
    version: bullmq,
    driver: ["bullmq-peer.ts"],
    redis: true,
    lacks: ["array"],
    fastWay: "`addBulk`, two worker processes with concurrency 64, `QueueEvents`; flows",
    documentation: "BullMQ, “Adding jobs in bulk”, “Concurrency” and “Flows”",
  },
  {
    name: "piscina",
    title: "Piscina (threads, no network)",
    needs: [piscina],
    version: piscina,
    driver: ["piscina-peer.ts"],
    fastWay:
      "two threads kept alive, its defaults; the driver awaits each call of a chain and each level of a tree",
    documentation: "Piscina, README (“Performance Notes”, “`move`”)",
  },
  {
    name: "parallel",
    title: "GNU Parallel",
    needs: [parallel],
    version: parallel,
    driver: ["gnu-parallel-peer.ts"],
    lacks: ["chain", "tree", "array"],
    fastWay: "`parallel -j2 true`; a task is a process, and a round trip a whole `parallel`",
    documentation: "GNU Parallel, manual page",
  },
];

/** What each of them is held against. */
export const thenceDriver = ["thence-peer.ts"] as const;
