// What a thread cannot do is said in our words, with the way that works.

import { expect, test } from "vitest";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

const start = (options: { threads?: number } = {}) =>
  CallsUnderTest.start({ modules: [{ path: fixture("changes-process.ts") }], ...options });

test.each([
  ["chdir", ["/"]],
  ["umask", [0o77]],
  ["setuid", [1]],
  ["setgid", [1]],
  ["seteuid", [1]],
  ["setegid", [1]],
  ["setgroups", [[1]]],
  ["initgroups", ["root", 1]],
  ["abort", []],
])("process.%s is refused with what to do instead", async (name, args) => {
  const worker = await start();
  const [key] = worker.run("change", [[name, args]]);
  const end = await worker.endOf(key);
  expect(end).toMatchObject({
    failure: {
      code: "task-failed",
      message: expect.stringMatching(
        RegExp(`--isolation processes.*isolation: "processes".*process\\.${name}\\(\\)`),
      ),
    },
  });
  const { cause } = (end as { error: Error }).error;
  expect(cause).toMatchObject({ code: "unsupported-on-thread" });
  expect((cause as Error).stack!.split("\n")[1]).toMatch(/changes-process\.ts/);
  expect(await worker.call("change", "cwd", [])).toBe(process.cwd());
});

test.each(["byImport", "byRequire"])("process.chdir is refused %s", async (name) => {
  const worker = await start();
  expect(await worker.endOf(worker.run(name, [[]])[0])).toMatchObject({
    error: { cause: { code: "unsupported-on-thread" } },
  });
});

test("process.umask may be asked for", async () => {
  const worker = await start();
  expect(await worker.call("change", "umask", [])).toBe(process.umask());
});

test.each(["SIGTERM", "SIGINT", "SIGUSR2"])(
  "a listener for %s is warned of, once, with what works",
  async (signal) => {
    const worker = await start({ threads: 2 });
    for (let call = 0; call < 3; call += 1) await worker.call("listen", signal);
    expect(worker.logs).toMatchObject([
      { level: "warning", text: expect.stringMatching(/receives no signals.*signal.*--isolation/) },
    ]);
    expect(worker.logs[0]!.text).toContain(`process.on("${signal}")`);
  },
);

test("other listeners are not warned of", async () => {
  const worker = await start();
  await worker.call("listen", "warning");
  await worker.call("listen", "exit");
  expect(worker.logs).toEqual([]);
});

test("reading the standard input is warned of, and ends", async () => {
  const worker = await start();
  expect(await worker.call("readInput")).toBe("");
  expect(worker.logs).toMatchObject([
    { level: "warning", text: expect.stringContaining("process.stdin is empty on a thread") },
  ]);
});

test("process.title is warned of", async () => {
  const worker = await start();
  await worker.call("setTitle", "mine");
  expect(process.title).not.toBe("mine");
  expect(worker.logs).toMatchObject([
    { level: "warning", text: expect.stringContaining("process.title") },
  ]);
});

test("an addon that can be loaded once only is refused with the way that works", async () => {
  const worker = await start();
  const [key] = worker.run("loadAddon", [[]]);
  expect(await worker.endOf(key)).toMatchObject({
    failure: { message: expect.stringMatching(/addon.*--isolation processes/) },
    error: { cause: { code: "ERR_DLOPEN_FAILED" } },
  });
});
