// Functions that are passed, on both kinds of cluster: the one that was meant is called, or none. Vitest
// transforms the modules of this program, and the workers import them as they are.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, UnknownTaskError } from "../../src/index.ts";
import { add, sub } from "../fixtures/arithmetic.ts";
import * as renamed from "../fixtures/modules/renamed.ts";
import { root, thence } from "../processes.ts";
import {
  addCleanUp,
  arithmetic,
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  type Scheduler,
} from "./daemons.ts";

const fixture = (name: string) => path.join(root, "test", "fixtures", "modules", name);
const modules = [
  `sums=${arithmetic}`,
  fixture("renamed.ts"),
  `required=${fixture("required.cjs")}`,
  `more=${fixture("required-more.cjs")}`,
];
const packages = ["@acme/jobs", "inside=@acme/jobs/inside", "bare.cjs", "both"];

const clusters: Record<string, { tasks: Client; packages: Client }> = {};
let folder: string;
let scheduler: Scheduler;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-packages-"));
  addCleanUp(() => rm(folder, { recursive: true, force: true }));
  const jobs = path.join(folder, "node_modules", "@acme", "jobs");
  await mkdir(path.join(jobs, "lib"), { recursive: true });
  await mkdir(path.join(folder, "node_modules", "both"));
  const exports = { ".": { import: "./lib/index.js" }, "./inside": { import: "./lib/inside.js" } };
  const manifest = { name: "@acme/jobs", type: "module", exports };
  await writeFile(path.join(jobs, "package.json"), JSON.stringify(manifest));
  await writeFile(path.join(jobs, "lib", "index.js"), "export const job = () => 'job';");
  await writeFile(path.join(jobs, "lib", "inside.js"), "export const job = () => 'inside';");
  await writeFile(path.join(folder, "bare.cjs"), "exports.bare = () => 'bare';");
  await mkdir(path.join(folder, "both"));
  const both = path.join(folder, "node_modules", "both", "index.js");
  await writeFile(both, "module.exports = { both: () => 'package' };");

  const local = async (all: string[]): Promise<Client> => {
    const client: Client = await Client.local({ modules: all, threads: 1 });
    addCleanUp(() => client.close());
    return client;
  };
  const here = process.cwd();
  const localTasks = await local(modules);
  process.chdir(folder);
  const localPackages = await local(packages).finally(() => process.chdir(here));
  clusters["Client.local"] = { tasks: localTasks, packages: localPackages };

  scheduler = await startScheduler({ core: { unknownTaskTimeoutMs: 500 } });
  await startWorker(scheduler, { name: "w1", modules });
  const other = await startScheduler();
  const worker = thence(
    [
      ...["worker", "--scheduler-file", other.file, "--no-supervise", "--threads", "1"],
      ...packages.flatMap((module) => ["--module", module]),
    ],
    { cwd: folder },
  );
  await worker.wrote(/joined the scheduler/);
  clusters["daemons"] = { tasks: await connect(scheduler), packages: await connect(other) };
}, patientMs);
afterAll(cleanUp, patientMs);

describe.each(["Client.local", "daemons"])("on a cluster of %s", (kind) => {
  const client = () => clusters[kind]!.tasks;

  test("a function that is passed is the one that is called, whatever name it is registered by", async () => {
    expect(await client().submit(add, 2, 3).result()).toBe(5);
    expect(await client().submit(sub, 2, 3).result()).toBe(-1);
    expect(await client().submit(renamed.plus, 6, 7).result()).toBe(42);
    expect(await client().submit(renamed.times, 6, 7).result()).toBe(13);
    expect(await client().gather(client().map(renamed.plus, [1, 2], [3, 4]))).toEqual([3, 8]);
    const rows = [{ size: 1 }, {}];
    expect(await client().submit(renamed.describeAll, rows).result()).toBe("it's 1001 in all");
    expect(Object.values(await client().run(renamed.plus, 6, 7))).toEqual([42]);
  });

  test("what is passed and is in doubt is refused with the registered names", async () => {
    const wrapped = (name: string, task: (...args: never[]) => unknown) => {
      const wrapper = (...args: never[]) => task(...args);
      return Object.defineProperty(wrapper, "name", { value: name });
    };
    const namesakes = { "sums.add": (x: number) => x - 1, add: (x: number) => x - 1 };
    const doubtful = [
      wrapped("add", add),
      wrapped("sums.add", add),
      ...Object.values(namesakes),
      renamed.square,
      renamed.memoised((x) => x + 1),
      renamed.double,
      renamed.scaled,
      function t(x: number) {
        return x;
      },
    ];
    const errors = await Promise.all(
      doubtful.map((task) =>
        client()
          .submit(task as (x: number) => number, 1)
          .exception(),
      ),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(UnknownTaskError);
      expect((error as Error).message).toMatch(
        /^submit it by its registered name, one of .*"double"/,
      );
    }
    expect(await client().submit("double", 4).result()).toBe(8);
    expect(await client().submit("scaled", 4).result()).toBe(12);
    expect(await client().submit("square", 4).result()).toBe(16);
    await expect(client().run(renamed.square, 1)).rejects.toThrow(/give a registered name, like/);
  });

  test("everything that require gives of a CommonJS module is registered", async () => {
    const calls: [name: string, args: unknown[], result: unknown][] = [
      ["required.add", [1, 2], 3],
      ["required.sub", [1, 2], -1],
      ["required.times", [3, 2], 6],
      ["more.times", [3, 2], 6],
      ["more.negate", [3], -3],
      ["required.fromBase", [3], 13],
      ["required.lazy", [], "loaded"],
      ["required.two", [], "two"],
    ];
    for (const [name, args, result] of calls) {
      expect(
        await client()
          .submit(name, ...args)
          .result(),
        name,
      ).toBe(result);
    }
  });

  test("a module is a file or what an import in the working directory would name", async () => {
    const { packages: found } = clusters[kind]!;
    const names = ["job", "inside.job", "bare", "both"];
    const results = await found.gather(names.map((name) => found.submit(name)));
    expect(results).toEqual(["job", "inside", "bare", "package"]);
  });
});
