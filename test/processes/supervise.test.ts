// A worker that is kept: started anew when it dies, which is said at once and with how; and ended
// with whoever keeps it.

import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WorkerLostError } from "../../src/index.ts";
import { childrenOf, gone, root, thence } from "../processes.ts";
import {
  behaviours,
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  tasks,
  type Scheduler,
} from "./daemons.ts";

type Tasks = typeof import("./fixtures/tasks.ts") & typeof import("../fixtures/behaviours.ts");

afterEach(cleanUp, patientMs);

const modules = [tasks, behaviours];
const start = (scheduler: Scheduler) =>
  startWorker(scheduler, { name: "kept", modules, isSupervised: true });
const fixture = (name: string) => path.join(root, "test", "fixtures", "modules", name);
const worker = (scheduler: Scheduler, ...args: string[]) =>
  thence(["worker", "--scheduler-file", scheduler.file, "--threads", "1", ...args]);

describe("a worker that is kept", () => {
  test(
    "is started anew when it is killed, under its name, and its successor says how it died",
    async () => {
      // Long enough that only the successor can have told.
      const scheduler = await startScheduler({ core: { graceMs: 600_000 } });
      const keeper = await start(scheduler);
      const client = await connect<Tasks>(scheduler);
      const once = client.with({ maxWorkerLosses: 1 }).submit("neverEnds");
      await expect
        .poll(async () => (await client.explain(once)).why, { timeout: patientMs })
        .toContain("executing");
      const [pid] = childrenOf(keeper.pid);
      expect(await client.workers()).toMatchObject([{ name: "kept", pid }]);

      process.kill(pid!, "SIGKILL");
      const error = (await once.exception()) as WorkerLostError;
      expect(error).toBeInstanceOf(WorkerLostError);
      expect(error.message).toContain("kept (killed by SIGKILL");
      expect(await client.submit("add", 1, 2).result()).toBe(3);
      const [after] = await client.workers();
      expect([after!.name, after!.pid]).toEqual(["kept", childrenOf(keeper.pid)[0]]);
      expect(after!.pid).not.toBe(pid);
      expect(scheduler.program.stderr).toMatch(/worker kept was lost: killed by SIGKILL/);
      expect(keeper.stderr).toMatch(/the worker before this one died: killed by SIGKILL/);
    },
    patientMs,
  );

  test(
    "ends with 0 at SIGTERM, and leaves nobody behind",
    async () => {
      const keeper = await start(await startScheduler());
      const [pid] = childrenOf(keeper.pid);
      expect((await keeper.end("SIGTERM")).how).toBe(0);
      await gone(pid!);
    },
    patientMs,
  );

  test(
    "ends when what keeps it is killed",
    async () => {
      const keeper = await start(await startScheduler());
      const [pid] = childrenOf(keeper.pid);
      expect((await keeper.end("SIGKILL")).how).toBe("SIGKILL");
      await gone(pid!);
    },
    patientMs,
  );

  test(
    "is not started anew when its scheduler has ended, nor when its lifetime is over",
    async () => {
      const scheduler = await startScheduler();
      const keeper = await start(scheduler);
      const mayfly = worker(scheduler, "--name", "mayfly", "--module", tasks, "--lifetime", "1s");
      expect((await mayfly.ended).how).toBe(0);
      expect(mayfly.stderr).toContain("its lifetime of 1s is over");
      await scheduler.program.end();
      expect((await keeper.ended).how).toBe(0);
    },
    patientMs,
  );
});

describe("a worker that cannot start", () => {
  test(
    "ends at once with 2 when a module does not load, and with 1 when there is no scheduler",
    async () => {
      const scheduler = await startScheduler();
      const broken = await worker(scheduler, "--module", fixture("broken.ts")).ended;
      expect([broken.how, broken.stderr.match(/does not load/g)]).toEqual([2, ["does not load"]]);
      const lonely = thence([
        ...["worker", "ws://127.0.0.1:1", "--module", tasks],
        ...["--death-timeout", "300ms", "--threads", "1"],
      ]);
      expect((await lonely.ended).how).toBe(1);
      expect(lonely.stderr.match(/no connection to/g)).toHaveLength(1);
    },
    patientMs,
  );

  test(
    "is given up when it dies again and again before it has joined",
    async () => {
      const scheduler = await startScheduler();
      const dying = worker(scheduler, "--module", fixture("kills.ts"));
      const { how, stderr } = await dying.ended;
      expect(how).toBe(137);
      expect(stderr.match(/the worker before this one died: killed by SIGKILL/g)).toHaveLength(4);
      expect(stderr).toMatch(
        /giving up: the worker process died 5 times in a row before it joined a scheduler; the last one: killed by SIGKILL/,
      );
    },
    patientMs,
  );
});
