// A scheduler and workers as real daemons, and clients of them in the process of the test. Whatever
// was started here is ended by `cleanUp`, for `afterEach` or `afterAll`.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "../../src/index.ts";
import { tested } from "../isolation.ts";
import { node, reap, root, thence, type Program } from "../processes.ts";

export const arithmetic = path.join(root, "test", "fixtures", "arithmetic.ts");
export const behaviours = path.join(root, "test", "fixtures", "behaviours.ts");
export const tasks = path.join(import.meta.dirname, "fixtures", "tasks.ts");

/** For what a loaded machine may take its time to do; a test that passes never waits so long. */
export const patientMs = 60_000;

export type Scheduler = {
  program: Program;
  url: string;
  port: number;
  token: string;
  /** The scheduler file, in a folder of its own that tasks may write to. */
  file: string;
  folder: string;
};

/** Starts `thence scheduler`; with options, one that has what the command has no options for. */
export async function startScheduler(
  options?: {
    host?: string;
    heartbeatMs?: number;
    memoryLimit?: number;
    stallMs?: number;
    journal?: string;
    core?: { graceMs?: number; clientGraceMs?: number; unknownTaskTimeoutMs?: number };
  },
  /** For Node itself. */
  flags: readonly string[] = [],
  /** One that has ended, whose scheduler file it takes. */
  predecessor?: Scheduler,
): Promise<Scheduler> {
  const folder = predecessor?.folder ?? (await mkdtemp(path.join(tmpdir(), "thence-test-")));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, "s.json");
  const program = options
    ? node(
        [
          path.join(import.meta.dirname, "fixtures", "scheduler.ts"),
          JSON.stringify({ ...options, schedulerFile: file }),
        ],
        { flags },
      )
    : thence(["scheduler", "--port", "0", "--scheduler-file", file], { flags });
  await program.wrote(/connect a worker with/);
  const { urls, token } = JSON.parse(await readFile(file, "utf8"));
  return { program, url: urls[0], port: Number(new URL(urls[0]).port), token, file, folder };
}

export type WorkerOptions = {
  name: string;
  modules?: readonly string[];
  threads?: number;
  /** Where it looks for the scheduler, when that is not where the scheduler says it is. */
  url?: string;
  /** Started anew when it dies; then the program is not the worker, but what keeps it. */
  isSupervised?: boolean;
  /** Like `gpu=1`. */
  resources?: string;
  /** For Node itself. */
  flags?: readonly string[];
  /** More options of the command. */
  more?: readonly string[];
  /** More of the environment. */
  env?: NodeJS.ProcessEnv;
};

/** Starts `thence worker`; resolves when it has joined. */
export async function startWorker(scheduler: Scheduler, options: WorkerOptions): Promise<Program> {
  const { name, modules = [tasks], threads = 1, url, resources, flags = [], more = [] } = options;
  const where = url === undefined ? ["--scheduler-file", scheduler.file] : [url];
  const program = thence(
    [
      ...["worker", ...where, "--name", name, "--threads", `${threads}`],
      ...modules.flatMap((module) => ["--module", module]),
      ...(options.isSupervised ? [] : ["--no-supervise"]),
      ...(resources === undefined ? [] : ["--resources", resources]),
      ...["--isolation", tested.isolation],
      ...more,
    ],
    { flags, env: { THENCE_TOKEN: scheduler.token, ...options.env } },
  );
  await program.wrote(/joined the scheduler/);
  return program;
}

/** A client in this process; `Tasks` is the type of the workers' module. */
export async function connect<Tasks>(
  { url, token }: Pick<Scheduler, "url" | "token">,
  options: { timeoutMs?: number } = {},
): Promise<Client<Tasks>> {
  const client = await Client.connect<Tasks>(url, { token, timeoutMs: patientMs, ...options });
  cleanups.push(() => client.close());
  return client;
}

const cleanups: (() => Promise<unknown>)[] = [];

/** Has something ended by `cleanUp`, before whatever was started earlier. */
export function addCleanUp(end: () => Promise<unknown>): void {
  cleanups.push(end);
}

/** Ends everything that was started here. */
export async function cleanUp(): Promise<void> {
  const ends = cleanups.splice(0).reverse();
  // A client that says goodbye to a scheduler that is gone already has to wait for nothing.
  await reap();
  for (const end of ends) await end();
}
