// What daemons say: every wait once, every end with its reason, failures that nobody waits for, and all
// of it within bounds.

import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { startScheduler } from "../../scheduler/main.ts";
import { openProven } from "../../src/link/open.ts";
import { readSchedulerFile, writeSchedulerFile } from "../../src/meeting/scheduler-file.ts";
import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import { dial } from "../../src/link/dial.ts";
import { checkToClient } from "../../src/wire/check.ts";
import { node, reap, thence } from "../processes.ts";
import { behaviours, patientMs } from "./daemons.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-said-"));
  file = path.join(folder, "s.json");
});
afterEach(async () => {
  await reap();
  await rm(folder, { recursive: true, force: true });
});

const scheduler = (...more: string[]) =>
  thence(["scheduler", "--port", "0", "--scheduler-file", file, ...more]);
const worker = (...more: string[]) =>
  thence([
    ...["worker", "--scheduler-file", file, "--threads", "1", "--module", behaviours],
    ...more,
  ]);
const patient = { timeout: patientMs };
const lastLine = (text: string) => text.trimEnd().split("\n").at(-1) ?? "";
const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

describe("a wait is announced once", () => {
  test("by a command whose scheduler went away meanwhile", async () => {
    const first = scheduler();
    await worker().wrote(/joined the scheduler/);
    const submit = ["submit", "--scheduler-file", file, "untilFile", path.join(folder, "end")];
    const command = thence(submit);
    const status = () => thence(["status", "--scheduler-file", file, "--json"]).ended;
    await expect.poll(async () => (await status()).stdout, patient).toMatch(/"running": 1/);
    await first.end("SIGKILL");
    await command.wrote(/the scheduler does not answer .*: connect ECONNREFUSED/);
    expect(count(command.stderr, /does not answer/g)).toBe(1);
    await command.end();
  });

  test.each([
    ["empty", "", /is not a scheduler file, or is incomplete/],
    ["half-written", '{"id": "a", "urls": ["ws://127', /is not a scheduler file, or is incomplete/],
  ])("for a file that is %s", async (_, content, why) => {
    await writeFile(file, content, { mode: 0o600 });
    const waiting = worker("--death-timeout", "3500ms");
    await waiting.wrote(/waiting for the scheduler file/);
    const { how, stderr } = await waiting.ended;
    expect(how).toBe(1);
    expect(count(stderr, /waiting for the scheduler file/g)).toBe(1);
    expect(stderr).toMatch(why);
    expect(lastLine(stderr)).toMatch(/error.*ended: Start the scheduler: .*after 3\.5 s/);
  });

  test("for a stale file, whose scheduler is gone or another; the worker joins when it is written anew", async () => {
    const first = scheduler();
    await first.wrote(/connect a worker with/);
    const stale = (await readSchedulerFile(file))!;
    await first.end("SIGKILL");
    const waiting = worker();
    await waiting.wrote(/waiting for the scheduler file .*ECONNREFUSED/);
    await rm(file);
    const second = scheduler();
    await second.wrote(/connect a worker with/);
    const { urls, token } = (await readSchedulerFile(file))!;
    // The port was given to another scheduler, and the token is the same.
    await waiting.wrote(/joined the scheduler/);
    await writeSchedulerFile(file, { ...stale, urls, token });
    const late = worker();
    await late.wrote(/waiting for the scheduler file .*belongs to an earlier one/);
    expect((await late.end()).how).toBe(0);
    expect((await waiting.end()).how).toBe(0);
    await second.end();
  }, 60_000);

  test("of a command, with the reason", async () => {
    const first = scheduler();
    await first.wrote(/connect a worker with/);
    await first.end("SIGKILL");
    const lines = [["status"], ["submit", "add", "1", "2"]].map((line) =>
      thence([...line, "--scheduler-file", file, "--timeout", "3s"]),
    );
    for (const { ended } of lines) {
      const { how, stderr } = await ended;
      expect(how).toBe(1);
      expect(stderr).toMatch(/waiting for the scheduler file .*, for up to 3s: .*ECONNREFUSED/);
      expect(count(stderr, /waiting for/g)).toBe(1);
    }
  });

  test("for an address that does not answer", async () => {
    const waiting = thence(
      ["worker", "ws://127.0.0.1:1", "--death-timeout", "1s", "--module", behaviours],
      { env: { THENCE_TOKEN: "a-token" } },
    );
    await waiting.wrote(/waiting for the scheduler at ws:\/\/127\.0\.0\.1:1, for up to 1s: /);
    expect(count((await waiting.ended).stderr, /waiting for/g)).toBe(1);
  });
});

describe("an end says why, in the last line", () => {
  test("of a worker: a signal, the end of the scheduler, a request to retire, its lifetime", async () => {
    const program = scheduler();
    await program.wrote(/connect a worker with/);
    const [signalled, retired, short, left] = [
      worker("--name", "signalled"),
      worker("--name", "retired"),
      worker("--name", "short", "--lifetime", "2s"),
      worker("--name", "left"),
    ];
    await Promise.all(
      [signalled, retired, short, left].map((each) => each.wrote(/joined the scheduler/)),
    );
    expect(lastLine((await signalled.end()).stderr)).toContain("ended: SIGTERM");
    const client = await Client.connect(file);
    await client.retireWorkers(["retired"]);
    await client.close();
    expect(lastLine((await retired.ended).stderr)).toMatch(/ended: client .* asked it to/);
    expect(lastLine((await short.ended).stderr)).toContain("ended: its lifetime of 2s is over");
    expect(lastLine((await program.end("SIGINT")).stderr)).toContain("ended: SIGINT");
    const { how, stderr } = await left.ended;
    expect(how).toBe(0);
    expect(lastLine(stderr)).toContain("ended: the scheduler ended: the scheduler was stopped");
  }, 60_000);

  test("of a scheduler: a client's request, and its idle timeout", async () => {
    const program = scheduler();
    await program.wrote(/connect a worker with/);
    const client = await Client.connect(file, { name: "ann" });
    await client.shutdown();
    expect(lastLine((await program.ended).stderr)).toMatch(/ended: .*ann/);
    const idle = await scheduler("--idle-timeout", "300ms").ended;
    expect(idle.how).toBe(0);
    expect(lastLine(idle.stderr)).toContain("ended: nobody has used the scheduler for 300ms");
  });

  test.each(["published", "queue", "variable", "event"])(
    "the idle timeout waits while a %s keeps something for somebody, and says so once",
    async (what) => {
      const program = scheduler("--idle-timeout", "400ms");
      await program.wrote(/connect a worker with/);
      const client = await Client.connect(file);
      const keep = {
        published: () => client.publish("results", 1),
        queue: () => client.queue("results").put(1),
        variable: () => client.variable("results").set(1),
        event: () => client.event("results").set(),
      };
      const end = {
        published: () => later.unpublish("results"),
        queue: () => later.queue("results").get(),
        variable: () => later.variable("results").delete(),
        event: () => later.event("results").clear(),
      };
      await keep[what as keyof typeof keep]();
      await client.close();
      await program.wrote(new RegExp(`idle timeout waits while .* for others: ${what} results`));
      await sleep(900);
      expect(program.isRunning).toBe(true);
      const later = await Client.connect(file);
      await end[what as keyof typeof end]();
      await later.close();
      const { how, stderr } = await program.ended;
      expect(how).toBe(0);
      expect(count(stderr, /idle timeout waits/g)).toBe(1);
    },
  );
});

test("128 peers of a stale file are a few lines in the scheduler's log, and the number of the rest", async () => {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const log = { debug: say, info: say, warning: say, error: say };
  const running = await startScheduler({ port: 0, log });
  const target = async () => ({ url: running.url, token: running.token, scheduler: "earlier" });
  const stop = new AbortController();
  const peers = Array.from({ length: 128 }, (_, index) =>
    dial({
      target,
      describeTarget: "s.json",
      hello: () => ({ role: "client", id: `client-${index}-${PROTOCOL_VERSION}`, name: "c" }),
      check: checkToClient,
      timeoutMs: 3_000,
      on: { messages() {}, down() {}, up() {}, reset() {}, lost() {} },
      open: openProven,
      signal: stop.signal,
    }).catch(() => undefined),
  );
  await Promise.all(peers);
  await running.stop();
  const refusals = lines.filter((line) => line.startsWith("refused "));
  expect(refusals).toHaveLength(20);
  const [, rest = "0"] = /^([\d,]+) more refusals were left out$/m.exec(lines.join("\n")) ?? [];
  expect(Number(rest.replaceAll(",", ""))).toBeGreaterThan(0);
});

describe("a scheduler file", () => {
  test.each([
    ["read", 0o644, "every user of this machine"],
    ["read", 0o640, "its group"],
    ["read or change", 0o660, "its group"],
  ])("that others can %s (mode %i) is warned of once", async (how, mode, who) => {
    const program = scheduler();
    await program.wrote(/connect a worker with/);
    await chmod(file, mode);
    const joining = worker();
    await joining.wrote(/joined the scheduler/);
    const { stderr } = await joining.end();
    expect(count(stderr, /chmod 600/g)).toBe(1);
    expect(stderr).toContain(`warning worker: ${who} can ${how} the scheduler file ${file}`);
    const status = await thence(["status", "--scheduler-file", file]).ended;
    expect(count(status.stderr, /chmod 600/g)).toBe(1);
    await program.end();
  });

  test("that cannot be one is refused in words, by all, with 2", async () => {
    const fifo = path.join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    const places = { [folder]: "a directory", [fifo]: "a FIFO", "/dev/null": "a device" };
    for (const [place, kind] of Object.entries(places)) {
      const where = ["--scheduler-file", place];
      for (const line of [
        ["scheduler", "--port", "0", ...where],
        ["worker", "--module", behaviours, ...where],
        ["status", ...where],
      ]) {
        const { how, stderr } = await thence(line).ended;
        expect(how, stderr).toBe(2);
        expect(stderr).toContain(`${place} is ${kind}`);
      }
    }
  }, 60_000);
});

test("with Client.local a fire-and-forget task that throws is in the program's own log", async () => {
  const fixture = path.join(import.meta.dirname, "fixtures", "fails-locally.ts");
  const { how, stderr } = await node([fixture, behaviours]).ended;
  expect(how, stderr).toBe(0);
  expect(stderr).toMatch(
    /scheduler: .*nobody waits for.* RangeError: no such file.*behaviours\.ts/,
  );
  expect(stderr).not.toContain("heard");
});

test("a fire-and-forget task that throws is in the scheduler's log, with its stack; of many a few", async () => {
  const program = scheduler("--log-format", "json");
  await program.wrote(/connect a worker with/);
  const one = worker("--name", "one");
  await one.wrote(/joined the scheduler/);
  const client = await Client.connect(file);
  const first = client.submit("fail", "no such file");
  client.fireAndForget(first);
  await program.wrote(/nobody waits for/);
  const heard = client.submit("fail", "heard");
  await heard.exception();
  const many = client.map("fail", Array<string>(200).fill("again"));
  client.fireAndForget(many);
  await client.wait(many);
  await client.close();
  await one.end();
  const { stderr } = await program.end();
  const records = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const unheard = records.filter(({ message }) => String(message).includes("nobody waits for"));
  expect(unheard).toHaveLength(20);
  expect(unheard[0]).toMatchObject({
    level: "error",
    key: first.key,
    function: "fail",
    error: "RangeError: no such file",
    stack: expect.stringContaining("behaviours.ts"),
    worker: "one",
    attempt: 1,
    code: "task-failed",
  });
  expect(stderr).not.toContain('heard"');
  expect(records.map(({ message }) => message)).toContain(
    "181 more tasks that failed while nobody waited for them were left out",
  );
}, 60_000);
