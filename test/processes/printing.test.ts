// What a task prints is shown at once, in order, whatever ends the task; and what nobody reads does not
// stop a worker.

import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { node, root, type Program } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("../fixtures/prints.ts");
const module = path.join(root, "test", "fixtures", "prints.ts");

afterEach(cleanUp, patientMs);

const lines = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `line ${from + index}`);

async function clusterOf(
  options: { threads?: number; isSupervised?: boolean; more?: readonly string[] } = {},
) {
  const scheduler = await startScheduler();
  const worker = await startWorker(scheduler, { name: "one", modules: [module], ...options });
  return { scheduler, worker, client: await connect<Tasks>(scheduler) };
}

const printed = (worker: Program): string[] => worker.stdout.split("\n").slice(0, -1);

test(
  "100,000 lines in a loop that does not end are all there, in order, and live",
  async () => {
    const { worker, client } = await clusterOf();
    const future = client.with({ graceMs: 200 }).submit("prints", 100_000, "spin");
    await worker.wrote(/^line 99999$/m);
    expect(future.done).toBe(false);
    expect(printed(worker)).toEqual(lines(100_000));
    future.cancel();
    expect(await client.submit("prints", 1, "return").result()).toBe("returned");
    expect(printed(worker)).toEqual([...lines(100_000), "line 0"]);
  },
  patientMs,
);

test.each(["exit", "crash", "throw", "return"] as const)(
  "nothing is lost of a task that ends by: %s",
  async (then) => {
    const { worker, client } = await clusterOf({ threads: 2 });
    const future = client.with({ maxWorkerLosses: 1 }).submit("prints", 20_000, then);
    await client.wait([future]);
    await worker.wrote(/^line 19999$/m);
    expect(printed(worker)).toEqual(lines(20_000));
  },
  patientMs,
);

test(
  "nothing is lost of a task that kills its worker, under a supervisor",
  async () => {
    const { worker, client } = await clusterOf({ isSupervised: true });
    const future = client.with({ maxWorkerLosses: 1 }).submit("prints", 20_000, "kill");
    await worker.wrote(/^line 19999$/m);
    future.cancel();
    expect(printed(worker).slice(0, 20_000)).toEqual(lines(20_000));
  },
  patientMs,
);

test(
  "streams keep their order and their ways",
  async () => {
    const { worker, client } = await clusterOf();
    expect(await client.submit("printsInWays").result()).toEqual([true, true]);
    await worker.wrote(/^six$/m);
    expect(worker.stdout).toBe("one two \ufffdber three four\nfive\nsix\n");
    expect(worker.stderr).toMatch(/^an error$/m);
  },
  patientMs,
);

test.each(["threads", "processes"])(
  "a task of %s that ends its streams silences no other",
  async (isolation) => {
    const { worker, client } = await clusterOf({ more: ["--isolation", isolation] });
    await client.submit("endsStreams").result();
    await client.submit("prints", 1, "return").result();
    await worker.wrote(/^last words\nline 0$/m);
  },
  patientMs,
);

test(
  "lines of several threads are whole",
  async () => {
    const { worker, client } = await clusterOf({ threads: 4 });
    const names = ["a", "b", "c", "d"];
    await client.gather(names.map((name) => client.submit("printsWords", name, 5_000)));
    await expect.poll(() => printed(worker).length, { timeout: patientMs }).toBe(20_000);
    for (const name of names) {
      const own = printed(worker).filter((line) => line.startsWith(name));
      expect(own).toEqual(
        Array.from({ length: 5_000 }, (_, line) => `${name} ${line} ${name.repeat(80)}`),
      );
    }
  },
  patientMs,
);

test(
  "a loop of prints does not fill the worker's memory",
  async () => {
    const { client } = await clusterOf();
    expect(await client.submit("printsMuch", 200).result()).toBeLessThan(100);
  },
  patientMs,
);

test.each(["threads", "processes"])(
  "lines of currentTask().log are all there when a task of %s exits",
  async (isolation) => {
    const { worker, client } = await clusterOf({ more: ["--isolation", isolation] });
    client.with({ maxWorkerLosses: 1 }).submit("logs", 20_000);
    await worker.wrote(/a thread ended/);
    const logged = [...worker.stderr.matchAll(/worker: log (\d+) /g)].map(([, line]) =>
      Number(line),
    );
    expect(logged).toEqual(lines(20_000).map((_, index) => index));
  },
  patientMs,
);

test(
  "a worker whose log nobody reads drops lines, says how many, and goes on",
  async () => {
    const { worker, client } = await clusterOf();
    worker.pauseReading("stderr");
    await client.submit("logsMuch", 20).result();
    worker.resumeReading("stderr");
    await worker.wrote(/logging \d+ x+/);
    await expect
      .poll(
        async () => {
          await client.submit("logsMuch", 0).result();
          return worker.stderr;
        },
        { timeout: patientMs },
      )
      .toMatch(/^\d+ lines of the log were dropped/m);
  },
  patientMs,
);

test(
  "a worker whose output nobody takes drops it, says so once, and goes on",
  async () => {
    const { scheduler, worker, client } = await clusterOf();
    worker.stopReading();
    expect(await client.submit("prints", 20_000, "return").result()).toBe("returned");
    expect(await client.submit("prints", 20_000, "return").result()).toBe("returned");
    await worker.wrote(/could not be written to standard output: EPIPE/);
    await worker.wrote(/10000 pieces of output could not be written/);
    expect(worker.stderr.match(/could not be written/g)!.length).toBeLessThan(12);
    expect(worker.isRunning && scheduler.program.isRunning).toBe(true);
  },
  patientMs,
);

test(
  "a worker whose reader stands still waits a while, and goes on",
  async () => {
    const { worker, client } = await clusterOf();
    worker.pauseReading("stdout");
    const future = client.submit("prints", 100_000, "return");
    expect(await future.result()).toBe("returned");
    await worker.wrote(/could not be written to standard output: nobody reads it/);
    const stuck = client.with({ graceMs: 100 }).submit("prints", 100, "spin");
    stuck.cancel();
    expect(await client.submit("prints", 1, "return").result()).toBe("returned");
    worker.stopReading();
  },
  patientMs,
);

test.each(["/dev/full"])(
  "a worker whose output goes to a full disk goes on",
  async (file) => {
    const scheduler = await startScheduler();
    const worker = node(
      [
        path.join(import.meta.dirname, "fixtures", "with-output.ts"),
        file,
        ...["worker", "--scheduler-file", scheduler.file, "--module", module, "--no-supervise"],
      ],
      { env: { THENCE_TOKEN: scheduler.token } },
    );
    await worker.wrote(/joined the scheduler/);
    const client = await connect<Tasks>(scheduler);
    expect(await client.submit("prints", 1_000, "return").result()).toBe("returned");
    await worker.wrote(/could not be written to standard output: ENOSPC/);
    worker.signal("SIGTERM");
  },
  patientMs,
);

test(
  "with Client.local it reaches the program's own output, whatever ends the task",
  async () => {
    const program = node([path.join(import.meta.dirname, "fixtures", "prints-locally.ts"), module]);
    const { how, stdout, stderr } = await program.ended;
    expect(how, stderr).toBe(0);
    expect(stdout.split("\n").slice(0, -1)).toEqual([
      ...lines(20_000),
      ...lines(10_000),
      ...lines(100_000),
    ]);
    // The default level shows what ended a thread, with its stack.
    expect(stderr).toMatch(/a thread ended.*nobody catches this.*prints\.ts/);
    expect(stderr).toMatch(/a thread ended.*exit code 3.*at go .*prints\.ts/);
  },
  patientMs,
);
