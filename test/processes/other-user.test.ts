// Another user of the machine tries every way in: files, processes, debuggers, ports, and the port of a
// scheduler that died. Only root can start programs as another user, so elsewhere this is left out.

import { execFile, spawn } from "node:child_process";
import {
  chmod,
  chown,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Client } from "../../src/index.ts";
import { transferAddress } from "../../src/transfer/messages.ts";
import { behaviours, patientMs, tasks } from "./daemons.ts";
import { childrenOf, reap, thence, type Program } from "../processes.ts";

type Tasks = typeof import("../fixtures/behaviours.ts");

/** Nobody's, so no user has to be made. */
const stranger = { uid: 54_321, gid: 54_321 };
const environment = { PATH: "/usr/bin:/bin", HOME: "/nonexistent" };

/** The program of the other user, and all that it needs: a checkout may lie where only its owner comes. */
async function moveIn(): Promise<{ node: string; script: string; folder: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  const [node, script] = [path.join(folder, "node"), path.join(folder, "stranger.mts")];
  await copyFile(process.execPath, node);
  await copyFile(path.join(import.meta.dirname, "fixtures", "stranger.ts"), script);
  const ws = path.dirname(fileURLToPath(import.meta.resolve("ws/package.json")));
  await cp(ws, path.join(folder, "node_modules", "ws"), { recursive: true, dereference: true });
  await promisify(execFile)("chmod", ["-R", "a+rX", folder]);
  return { node, script, folder };
}

const isRoot = process.getuid?.() === 0;
const megabytes = 2 ** 20;

describe.runIf(isRoot)("another user of the machine", () => {
  let folder: string;
  let theirs: Awaited<ReturnType<typeof moveIn>>;
  /** Everybody may write here, as into /tmp. */
  let shared: string;
  let file: string;
  let token: string;
  let url: string;
  let port: number;
  let scheduler: Program;
  let worker: Program;
  let client: Client<Tasks>;

  beforeAll(async () => {
    theirs = await moveIn();
    folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
    await chmod(folder, 0o755);
    shared = path.join(folder, "shared");
    await mkdir(shared);
    await chmod(shared, 0o1777);
    file = path.join(folder, "s.json");
    scheduler = await startScheduler(0);
    worker = thence(
      [
        ...["worker", "--scheduler-file", file, "--name", "w", "--threads", "1"],
        ...["--module", behaviours, "--module", tasks],
        ...["--memory-limit", "64MiB", "--local-directory", shared],
      ],
      { env: { NODE_OPTIONS: "--inspect=127.0.0.1:0" } },
    );
    await worker.wrote(/joined the scheduler/);
    client = await Client.connect<Tasks>(file);
  }, 2 * patientMs);
  afterAll(async () => {
    await client?.close();
    await reap();
    for (const each of [folder, theirs.folder]) await rm(each, { recursive: true, force: true });
  });

  async function asStranger<Result>(...args: readonly string[]): Promise<Result> {
    const { stdout } = await promisify(execFile)(theirs.node, [theirs.script, ...args], {
      ...stranger,
      cwd: "/",
      env: environment,
      maxBuffer: 2 ** 30,
    });
    return JSON.parse(stdout) as Result;
  }

  async function startScheduler(at: number): Promise<Program> {
    const journal = path.join(folder, "journal");
    const program = thence([
      ...["scheduler", "--no-supervise", "--port", `${at}`],
      ...["--journal", journal, "--scheduler-file", file],
    ]);
    await program.wrote(/connect a worker with/);
    const content = JSON.parse(await readFile(file, "utf8"));
    token = content.token;
    url = content.urls[0];
    port = Number(new URL(url).port);
    return program;
  }

  /** The processes of the daemons, with what they have started. */
  const processes = () =>
    [scheduler.pid, worker.pid].flatMap((pid) => [pid, ...childrenOf(pid)]).map(String);

  /** Those on which they listen. Other tests of this machine have debuggers of their own. */
  const ports = async () => {
    const sockets = new Set<string>();
    for (const pid of processes()) {
      for (const fd of await readdir(`/proc/${pid}/fd`)) {
        sockets.add(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ""));
      }
    }
    const tables = await Promise.all(["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`)));
    const listening = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A (?:\S+ +){5}(\d+)/gm;
    return [...tables.join("\n").matchAll(listening)]
      .filter(([, , inode]) => sockets.has(`socket:[${inode}]`))
      .map(([, hex]) => String(Number.parseInt(hex!, 16)));
  };

  test("reads no token: in no file, process, argument or log", { timeout: patientMs }, async () => {
    const read = await asStranger<Record<string, string>>("read", folder, ...processes());
    for (const [from, text] of Object.entries(read)) expect(text.includes(token), from).toBe(false);
    // The arguments are there for everybody, and nothing else of a process is.
    const kinds = new Set(Object.keys(read).map((name) => path.basename(name)));
    expect(kinds).toContain("cmdline");
    for (const kind of ["environ", "mem", "maps"]) expect(kinds).not.toContain(kind);
    expect(scheduler.stderr + scheduler.stdout + worker.stderr).not.toContain(token);
  });

  test("is sent nothing but a challenge by whoever listens", { timeout: patientMs }, async () => {
    const [{ address } = { address: "" }] = await client.workers();
    const urls = [url, transferAddress(url), address!];
    const answers = await asStranger<{ heard: string[]; code: number }[]>("knock", ...urls);
    expect(answers.map(({ code }) => code)).toEqual(urls.map(() => 4001));
    for (const { heard } of answers) {
      expect(heard.map((text) => JSON.parse(text).type)).toEqual(["proof", "refused"]);
      expect(heard.join()).not.toContain(token);
    }
    await vi.waitFor(
      () => expect(scheduler.stderr).toContain("is not one of this token"),
      patientMs,
    );
  });

  test("exchanges no results on disk", { timeout: 2 * patientMs }, async () => {
    const count = 8;
    const results = Array.from({ length: count }, () => client.submit("bytes", 20 * megabytes));
    await client.wait(results);
    const spilled = async () => {
      const [own] = await readdir(shared);
      return own === undefined ? undefined : path.join(shared, own);
    };
    await vi.waitFor(
      async () => expect(await readdir((await spilled())!)).not.toEqual([]),
      patientMs,
    );
    const own = (await spilled())!;
    expect(path.basename(own)).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
    expect((await stat(own)).mode & 0o777).toBe(0o700);
    const [first] = await readdir(own);
    const outcomes = await asStranger<string[][]>("swap", own, path.join(own, first!));
    for (const code of outcomes.flat()) expect(code).toMatch(/^E(PERM|ACCES|EXIST)$/);
    for (const result of results) {
      const value = await result.result();
      expect(value.length).toBe(20 * megabytes);
      expect(value.every((byte) => byte === 7)).toBe(true);
      result.release();
    }
  });

  test("puts no token of his own in the way", { timeout: patientMs }, async () => {
    const theirToken = "t".repeat(43);
    const [journal, ofScheduler, ofToken] = ["j", "planted.json", "token"].map((name) =>
      path.join(shared, name),
    ) as [string, string, string];
    await mkdir(journal);
    const identity = { format: 1, id: "s", token: theirToken, createdAt: "2026-01-01" };
    const schedulerFile = { ...JSON.parse(await readFile(file, "utf8")), token: theirToken };
    await writeFile(path.join(journal, "journal.json"), JSON.stringify(identity));
    await writeFile(ofScheduler, JSON.stringify(schedulerFile));
    await writeFile(ofToken, theirToken);
    const planted = [journal, path.join(journal, "journal.json"), ofScheduler, ofToken];
    for (const place of planted) await chown(place, stranger.uid, stranger.gid);

    const begins = ["scheduler", "--no-supervise", "--port", "0", "--journal", journal];
    const joins = ["worker", "--module", behaviours, "--death-timeout", "1s", "--no-supervise"];
    const lines = [
      begins,
      ["scheduler", "--no-supervise", "--port", "0", "--token-file", ofToken],
      [...joins, "--scheduler-file", ofScheduler],
      [...joins, url, "--token-file", ofToken],
    ];
    for (const line of lines) {
      const { how, stderr } = await thence(line).ended;
      // A scheduler file may be written anew, so a worker looks at it until its --death-timeout.
      expect(how, stderr).toBe(line[0] === "scheduler" ? 2 : 1);
      expect(stderr).toContain("belongs to another user, in a folder where everybody may write");
      expect(stderr).not.toMatch(/connect a worker with|joined/);
    }
    await expect(Client.connect(ofScheduler, { timeoutMs: 1_000 })).rejects.toThrow(/another user/);
    // One's own is as good there as elsewhere, and so is a journal that nobody has begun.
    for (const place of planted) await chown(place, 0, 0);
    const own = thence(begins);
    await own.wrote(/connect a worker with/);
    await own.end();
    for (const place of planted) await rm(place, { recursive: true, force: true });
  });

  test("finds no debugger, whatever opens one", { timeout: patientMs }, async () => {
    process.kill(scheduler.pid, "SIGUSR1");
    process.kill(scheduler.pid, "SIGUSR2");
    expect(await client.submit("add" as never, 1 as never, 10 as never).result()).toBe(11);
    const all = await ports();
    expect(all).toEqual(expect.arrayContaining([`${port}`]));
    expect(all.length).toBeGreaterThan(1);
    expect(await asStranger<number[]>("debug", ...all)).toEqual([]);
  });

  test(
    "who takes the port of a scheduler that died gets no token, and has nothing run",
    { timeout: 3 * patientMs },
    async () => {
      await scheduler.end("SIGKILL");
      const open = await mkdtemp(path.join(tmpdir(), "thence-test-"));
      await chmod(open, 0o777);
      const heard = path.join(open, "heard");
      const args = [theirs.script, "listen", String(port), heard];
      const rogue = spawn(theirs.node, args, {
        ...stranger,
        cwd: "/",
        env: environment,
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        await new Promise((resolve) => rogue.stdout.once("data", resolve));
        // The worker and the client have come to it several times.
        await vi.waitFor(async () => {
          const lines = (await readFile(heard, "utf8")).split("\n");
          expect(lines.filter((line) => line.includes('"challenge"')).length).toBeGreaterThan(5);
        }, patientMs);
        const all = await readFile(heard, "utf8");
        expect(all).not.toContain(token);
        expect(all).not.toMatch(/authorization|"hello"|"type":"proof"/i);
        expect(await readdir(open)).toEqual(["heard"]);
      } finally {
        const ended = new Promise((resolve) => rogue.once("exit", resolve));
        rogue.kill("SIGKILL");
        await ended;
        await rm(open, { recursive: true });
      }
      // The next scheduler on the journal is known again, and nobody has given up meanwhile.
      scheduler = await startScheduler(port);
      expect(await client.submit("add" as never, 1 as never, 10 as never).result()).toBe(11);
      expect(worker.stderr).not.toContain("the worker before this one");
    },
  );

  test("SIGUSR1 lets a worker drain, and opens no debugger", { timeout: patientMs }, async () => {
    const before = await ports();
    worker.signal("SIGUSR1");
    const all = [...before, ...(await ports().catch(() => []))];
    expect(await asStranger<number[]>("debug", ...all)).toEqual([]);
    expect((await worker.ended).how).toBe(0);
  });
});
