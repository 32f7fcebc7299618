// One value of more bytes than 31 bits count, the ways that values go: from worker to worker, from a
// worker to the client and from the client to a worker; looked at to its end wherever it comes.

import path from "node:path";
import { connect, startScheduler, startWorker } from "../processes/daemons.ts";
import { check } from "./large-tasks.ts";

type Tasks = typeof import("./large-tasks.ts");

export type Passed = { way: string; seconds: number };

/** Up to five copies are in memory at once, here and in the workers. Throws when one is not as it was. */
export async function passLarge(bytes: number, passed: (one: Passed) => void): Promise<void> {
  const length = Math.floor(bytes / Float64Array.BYTES_PER_ELEMENT);
  const scheduler = await startScheduler();
  const modules = [path.join(import.meta.dirname, "large-tasks.ts")];
  const more = ["--memory-limit", `${Math.ceil((6 * bytes) / 2 ** 30)}GiB`];
  for (const name of ["a", "b"]) await startWorker(scheduler, { name, modules, more });
  const client = await connect<Tasks>(scheduler);
  const on = (worker: string) => client.with({ workers: [worker] });
  const time = async <Value>(way: string, work: () => Promise<Value>): Promise<Value> => {
    const start = performance.now();
    const value = await work();
    passed({ way, seconds: (performance.now() - start) / 1000 });
    return value;
  };
  const same = (got: number) => {
    if (got !== length) throw new Error(`${length} numbers were sent, ${got} came`);
  };

  const made = on("a").submit("make", length);
  await time("made on a worker", () => client.wait([made]));
  // Its own time is that of the way, and of looking at all of it, as the next line shows.
  same(
    await time("to another worker, and looked at", () => on("b").submit("check", made).result()),
  );
  same(await time("looked at where it is now", () => on("b").submit("check", made).result()));
  const values = await time("to the client", () => made.result());
  same(check(values));
  client.release([made]);
  const sent = await time("from the client to a worker", () =>
    client.scatter(values, { workers: ["a"] }),
  );
  same(await on("a").submit("check", sent).result());
}
