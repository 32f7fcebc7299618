// Rules about tasks that hold on both kinds of cluster, end to end; their cases are tested with the roles.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TaskError, type Client } from "../../src/index.ts";
import { tested } from "../isolation.ts";
import { gone, isAlive, root } from "../processes.ts";
import { cleanUp, patientMs, tasks } from "./daemons.ts";
import { kinds, startCluster } from "./kinds.ts";
import { openGate } from "./fixtures/traces.ts";

type Tasks = typeof import("./fixtures/kinds-tasks.ts") &
  typeof import("./fixtures/tasks.ts") &
  typeof import("../fixtures/starts-processes.ts") &
  typeof import("../fixtures/changes-process.ts");
const fixtures = path.join(root, "test", "fixtures");
const modules = [
  tasks,
  path.join(import.meta.dirname, "fixtures", "kinds-tasks.ts"),
  path.join(fixtures, "starts-processes.ts"),
  path.join(fixtures, "changes-process.ts"),
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "thence-kinds-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(cleanUp, patientMs);

const within = (name: string) => path.join(folder, name);
const read = (name: string) => (existsSync(within(name)) ? readFileSync(within(name), "utf8") : "");
const lines = (name: string) => read(name).split("\n").slice(0, -1);
const written = async (name: string): Promise<string> => {
  await expect.poll(() => read(name), { timeout: patientMs, interval: 10 }).toMatch(/\S/);
  return read(name);
};

describe.each(kinds)("on a worker of two threads, with %s", (kind) => {
  let client: Client<Tasks>;
  beforeAll(async () => {
    client = await startCluster<Tasks>(kind, { modules, threads: 2 });
  }, patientMs);

  test("what a task started ends when it is cancelled or out of time, unless it was detached", async () => {
    const left = client.submit("detached", folder, "return");
    expect(await left.result()).toBe("returned");
    const cancelled = client.submit("spawned", folder, "await");
    const late = client.with({ timeoutMs: 500, graceMs: 100 }).submit("nested", folder, "spin");
    const ids = await Promise.all(["spawned", "nested"].map(written));
    cancelled.cancel();
    await Promise.all(ids.map((id) => gone(Number(id))));
    expect(await late.exception()).toMatchObject({ code: "task-timeout" });
    const detached = Number(read("detached"));
    expect(isAlive(detached)).toBe(true);
    process.kill(detached);
  });

  test.skipIf(tested.isolation === "processes")(
    "what a thread cannot do is said with the way that works",
    async () => {
      const error = await client.submit("change", "chdir", ["/"] as never[]).exception();
      expect(error).toBeInstanceOf(TaskError);
      expect((error as Error).message).toMatch(/--isolation processes.*isolation: "processes"/);
    },
  );

  test("what depends on a cancelled future is cancelled in the same turn", async () => {
    const first = client.submit("waitFor", 600_000);
    const dependents = [client.submit("add", first, 1), client.submit("add", 1, first)];
    const last = client.submit("add", dependents[0]!, dependents[1]!);
    first.cancel();
    expect([...dependents, last].map(({ status }) => status)).toEqual(Array(3).fill("cancelled"));
    await expect(last.result()).rejects.toThrow(/cancelled/);
  });

  test("a lock of a cancelled task passes on when the task is off its thread", async () => {
    const file = within("turns");
    const first = client.submit("holdAndSpin", "db", file);
    await written("turns");
    const next = client.submit("holdAndRead", "db", file);
    await expect.poll(async () => (await client.explain(next)).why).toMatch(/waits|executing/);
    first.cancel();
    const [then, later] = await next.result();
    expect(later).toBe(then);
    expect(first.status).toBe("cancelled");
  });
});

describe.each(kinds)("on a worker of one thread, with %s", (kind) => {
  let client: Client<Tasks>;
  beforeAll(async () => {
    client = await startCluster<Tasks>(kind, { modules });
  }, patientMs);

  test("what an urgent task waits for is as urgent as it", async () => {
    const gate = client.submit("double", folder, 1_000_000);
    const file = within("order");
    const others = client.map(
      "noteFor",
      Array<string>(40).fill(file),
      Array<string>(40).fill("other"),
      Array<number>(40).fill(5),
    );
    const input = client.submit("note", file, "input");
    const urgent = client.with({ priority: 10 }).submit("note", file, input);
    await client.info();
    openGate(folder);
    expect(await urgent.result()).toBe("input");
    await client.gather([gate, ...others]);
    const order = lines("order");
    expect(order).toHaveLength(42);
    // A task or two may have been sent ahead before.
    expect(order.indexOf("input")).toBeLessThan(5);
    expect(order.lastIndexOf("input")).toBeLessThan(6);
  });

  test("the only worker is not retired while it has what nobody else can take, but by force", async () => {
    const table = await client.scatter(new Float64Array(100_000).fill(1));
    const [{ name } = { name: "" }] = await client.workers();
    const retiring = client.retireWorkers([name]);
    await expect
      .poll(async () => (await client.workers())[0], { timeout: patientMs })
      .toMatchObject({
        status: "leaving",
        why: expect.stringContaining("no other worker can take"),
      });
    expect((await table.result()).length).toBe(100_000);
    await client.retireWorkers([name], { force: true });
    await retiring;
    await expect.poll(async () => (await client.workers()).length).toBe(0);
    await expect(table.result()).resolves.toBeDefined();
    await expect(client.submit("add", table as never, 1).result()).rejects.toThrow(
      /scatter it again/,
    );
  });
});

test.each(kinds)(
  "attempts count starts and the history says what happened, with %s",
  async (kind) => {
    const client = await startCluster<Tasks>(kind, { modules, workers: 2, drainMs: 300 });
    const [one, two] = await client.workers();
    const on = (name: string) => client.with({ workers: [name], allowOtherWorkers: true });
    const long = on(one!.name).submit("waitFor", 600_000);
    const short = on(two!.name).submit("waitFor", 700);
    const executes = async () => (await client.explain(long)).why;
    await expect.poll(executes, { timeout: patientMs }).toMatch(/executing/);
    // One is sent ahead to each worker, and the one behind the long task is taken back.
    const ahead = client.map("waitFor", [1, 1]);
    expect(await client.gather([short, ...ahead])).toEqual([1, 1, 1]);

    process.kill(one!.pid, "SIGTERM");
    await expect.poll(async () => (await client.explain(long)).worker).toBe(two!.name);
    const { attempt, history, losses } = await client.explain(long);
    expect([attempt, losses]).toEqual([2, []]);
    const said = history.map(({ why }) => why).join();
    expect(said).toContain("stopped while it ran");
    expect(said).not.toContain("unstarted");
  },
  patientMs,
);
