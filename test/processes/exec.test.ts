// Commands as tasks: what they write, how they end, and that nothing of them is left.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/index.ts";
import type { ExecOptions, ExecOutput, ExecResult } from "../../worker/index.ts";
import { tested } from "../isolation.ts";
import { gone, isAlive } from "../processes.ts";
import {
  addCleanUp,
  arithmetic,
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
} from "./daemons.ts";

type Tasks = {
  "thence.exec": (command: string | string[], options?: ExecOptions) => Promise<ExecResult>;
};

afterEach(cleanUp, patientMs);

const clusters: Record<string, (modules?: string[]) => Promise<Client<Tasks>>> = {
  async daemons() {
    const scheduler = await startScheduler();
    await startWorker(scheduler, { name: "one", threads: 2, isSupervised: true });
    return connect<Tasks>(scheduler);
  },
  async "Client.local"() {
    const { isolation } = tested;
    const client = await Client.local<Tasks>({ modules: [], exec: "only", threads: 2, isolation });
    addCleanUp(() => client.close());
    return client;
  },
};

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "thence-exec-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe.each(Object.entries(clusters))("with %s", (_, cluster) => {
  test(
    "a command gives its output and its end, and one that fails is a result",
    async () => {
      const client = await cluster();
      const folder = newFolder();
      const run = async (...args: Parameters<Tasks["thence.exec"]>) => {
        const { stdout, stderr, exitCode, signal } = await client
          .submit("thence.exec", ...args)
          .result();
        return [text(stdout), text(stderr), exitCode, signal];
      };
      expect(await run("echo out; echo err >&2")).toEqual(["out\n", "err\n", 0, undefined]);
      expect(await run("exit 3")).toEqual(["", "", 3, undefined]);
      expect(await run("kill -9 $$")).toEqual(["", "", 137, "SIGKILL"]);
      // For the group of the command, and nobody else.
      expect(await run("trap '' TERM; kill 0; echo on")).toEqual(["on\n", "", 0, undefined]);
      expect(await run(["printf", "%s|", "a b", "$HOME"])).toEqual([
        "a b|$HOME|",
        "",
        0,
        undefined,
      ]);
      expect(
        await run("cat; pwd; echo $X", { stdin: "in ", cwd: folder, env: { X: "y" } }),
      ).toEqual([`in ${folder}\ny\n`, "", 0, undefined]);
      expect(await run("true", { stdin: new Uint8Array(5_000_000) })).toEqual([
        "",
        "",
        0,
        undefined,
      ]);
      // What stays in the background does not hold the command up.
      expect(await run("sleep 20 & echo $!")).toMatchObject([
        expect.stringMatching(/^\d+\n$/),
        "",
        0,
        undefined,
      ]);
      const bytes = await client.submit("thence.exec", "head -c 300000 /dev/zero").result();
      expect(bytes.stdout).toHaveLength(300_000);
    },
    patientMs,
  );

  test(
    "a program that is not there is an error that names it",
    async () => {
      const client = await cluster();
      const error = await client.submit("thence.exec", ["no-such-program"]).exception();
      expect(error).toMatchObject({ message: expect.stringContaining("no-such-program") });
    },
    patientMs,
  );

  test(
    "output that the result does not keep is put out as it comes, all of it and in order",
    async () => {
      const client = await cluster();
      const heard = { stdout: "", stderr: "" };
      const output = (value: unknown) => {
        const { stream, bytes } = value as ExecOutput;
        heard[stream] += text(bytes);
      };
      const listened = client.with({ output });
      const short = await listened.submit("thence.exec", "echo short", { keepBytes: 100 }).result();
      expect([text(short.stdout), heard.stdout]).toEqual(["short\n", ""]);
      const line = "seq 1 20000; echo late >&2";
      const long = await listened.submit("thence.exec", line, { keepBytes: 100 }).result();
      expect([long.stdout.length, long.exitCode]).toEqual([0, 0]);
      expect(heard.stdout.split("\n")).toHaveLength(20_001);
      expect(heard.stdout).toMatch(/^1\n2\n[^]*\n20000\n$/);
      expect(heard.stderr).toBe("late\n");
    },
    patientMs,
  );

  test.each(["timeoutMs", "cancel", "kill -9 of the worker", "close"])(
    "nothing of a command is left after %s",
    async (how) => {
      const client = await cluster();
      const pids: number[] = [];
      const output = (value: unknown) => {
        pids.push(
          ...text((value as ExecOutput).bytes)
            .trim()
            .split(/\s+/)
            .map(Number),
        );
      };
      const limits = how === "timeoutMs" ? { timeoutMs: 500 } : { maxWorkerLosses: 1 };
      const future = client
        .with({ output, ...limits })
        .submit("thence.exec", "sleep 300 & echo $! $$; trap '' TERM; sleep 300; sleep 300", {
          keepBytes: 0,
        });
      const settled = future.exception();
      await expect.poll(() => pids.length, { timeout: patientMs }).toBeGreaterThan(0);
      if (how === "cancel") future.cancel();
      if (how === "close") await client.close();
      if (how.startsWith("kill")) process.kill((await client.workers())[0]!.pid, "SIGKILL");
      await settled;
      if (how === "timeoutMs") {
        expect(await future.result()).toMatchObject({ timedOut: true, signal: "SIGKILL" });
      }
      await Promise.all(pids.map(gone));
      expect(pids.map(isAlive)).toEqual(pids.map(() => false));
    },
    patientMs,
  );
});

test(
  "a worker runs no commands when it was told so",
  async () => {
    const scheduler = await startScheduler();
    await startWorker(scheduler, { name: "one", modules: [arithmetic], more: ["--exec", "no"] });
    const client = await connect<Tasks>(scheduler);
    const future = client.with({ unschedulableTimeoutMs: 100 }).submit("thence.exec", "true");
    expect(await future.exception()).toMatchObject({ code: "unschedulable" });
  },
  patientMs,
);
