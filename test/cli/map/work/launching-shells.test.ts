// Shells that start programs do what a direct start of the program does.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gone } from "../../../processes.ts";
import { LaunchingShells, type CommandEnd } from "../../../../cli/map/work/launching-shells.ts";

describe.skipIf(!LaunchingShells.areUsable)("a shell that starts programs", () => {
  let folder: string;
  let shells: LaunchingShells;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "thence-test-"));
    shells = new LaunchingShells({
      ...process.env,
      BASE: "kept",
      "a function%%": "() { echo '1'\n}",
    });
  });
  afterAll(() => {
    shells.close();
    rmSync(folder, { recursive: true });
  });

  let files = 0;
  type Run = { end: CommandEnd; stdout: string; stderr: string };

  async function run(
    words: readonly string[],
    env: Record<string, string> = {},
    begun: (group: number) => void = () => undefined,
  ): Promise<Run> {
    const paths = [path.join(folder, `${files}.out`), path.join(folder, `${files++}.err`)] as const;
    const open = [openSync(paths[0], "wx+"), openSync(paths[1], "wx+")] as const;
    try {
      const end = await new Promise<CommandEnd>((ended, failed) => {
        shells.start({ words, env, files: open }, { started: begun, ended, failed });
      });
      return {
        end,
        stdout: readFileSync(paths[0], "utf8"),
        stderr: readFileSync(paths[1], "utf8"),
      };
    } finally {
      open.forEach(closeSync);
    }
  }

  const node = (script: string, ...args: string[]) => [
    process.execPath,
    "-e",
    script,
    "--",
    ...args,
  ];

  test("gives any words and variables as they are", async () => {
    const text = fc.string({ unit: "grapheme" }).filter((each) => !each.includes("\0"));
    const script = "process.stdout.write(JSON.stringify([process.argv.slice(1), process.env.OWN]))";
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), text, async (words, value) => {
        const { end, stdout } = await run(node(script, ...words), { OWN: value });
        expect(end).toEqual({ exitCode: 0, signal: 0 });
        expect(JSON.parse(stdout)).toEqual([words, value]);
      }),
      { numRuns: 20, examples: [[["a\nb", "'", '"', "$x `y` \\"], "\n'"]] },
    );
  });

  test("keeps what one command was given from the next", async () => {
    await run(["true"], { OWN: "1" });
    const { stdout } = await run(["env"]);
    expect(stdout).toContain("BASE=kept\n");
    expect(stdout).not.toContain("OWN=");
    expect(stdout).not.toContain("thence_");
  });

  test("gives variables that a shell has no names for", async () => {
    const script = 'process.stdout.write(process.env["a function%%"] + process.env["own.1"])';
    const { stdout } = await run(node(script), { "own.1": "'" });
    expect(stdout).toBe("() { echo '1'\n}'");
  });

  test("runs programs, and no commands of the shell", async () => {
    const { stdout } = await run(["echo", "--version"]);
    expect(stdout).toBe(spawnSync("/bin/echo", ["--version"], { encoding: "utf8" }).stdout);
  });

  test("tells the exit code", async () => {
    for (const code of [0, 1, 126, 127, 128, 129, 137, 143, 255]) {
      const { end, stderr } = await run(["/bin/sh", "-c", `exit ${code}`]);
      expect(end).toEqual({ exitCode: code, signal: 0 });
      expect(stderr).toBe("");
    }
  });

  test.each(["SIGHUP", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGSEGV", "SIGTERM"] as const)(
    "tells that %s ended a command",
    async (signal) => {
      const { end, stderr } = await run([
        "/bin/sh",
        "-c",
        `kill -s ${signal.slice(3)} $$; sleep 60`,
      ]);
      expect(end).toEqual({ exitCode: 0, signal: constants.signals[signal] });
      expect(stderr).toBe("");
    },
  );

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "ends a command and what it started when the group gets %s, and runs the next",
    async (signal) => {
      const script = "sleep 1000 & echo $!; exec sleep 1000";
      let group = 0;
      const started = run(["/bin/sh", "-c", script], {}, (own) => (group = own));
      const file = path.join(folder, `${files - 1}.out`);
      // Without its group, the signal would be for the processes of this test.
      while (group === 0 || !readFileSync(file, "utf8").endsWith("\n")) await sleep(5);
      process.kill(-group, signal);
      const { end, stdout } = await started;
      expect(end).toEqual({ exitCode: 0, signal: constants.signals[signal] });
      await gone(Number(stdout));
      expect((await run(["echo", "on"])).stdout).toBe("on\n");
    },
  );

  test("ends one command only, and not what another has left behind", async () => {
    const { stdout: left } = await run(["/bin/sh", "-c", "sleep 1000 & echo $!"]);
    const { end } = await run(["/bin/sh", "-c", "kill -9 0"]);
    expect(end).toEqual({ exitCode: 0, signal: constants.signals.SIGKILL });
    expect(process.kill(Number(left), 0)).toBe(true);
    process.kill(Number(left));
    await gone(Number(left));
  });

  test("kills its command when it dies, and another takes its place", async () => {
    const script = "sleep 1000 & echo $! $PPID; exec sleep 1000";
    const started = run(["/bin/sh", "-c", script]);
    const file = path.join(folder, `${files - 1}.out`);
    while (!readFileSync(file, "utf8").endsWith("\n")) await sleep(5);
    const [child, shell] = readFileSync(file, "utf8").split(" ").map(Number);
    process.kill(shell!, "SIGKILL");
    const { end, stdout } = await started;
    expect(end).toEqual({ exitCode: 0, signal: constants.signals.SIGKILL });
    expect(stdout).toBe(`${child} ${shell}\n`);
    await gone(child!);
    // One that dies while it waits is noticed, even at the next command.
    const { stdout: idle } = await run(["/bin/sh", "-c", "echo $PPID"]);
    process.kill(Number(idle), "SIGKILL");
    expect((await run(["echo", "on"])).stdout).toBe("on\n");
  });

  test("gives a command no input, and no file but its own", async () => {
    expect((await run(["cat"])).stdout).toBe("");
    const { stdout } = await run(["ls", "/proc/self/fd"]);
    expect(stdout).toBe(spawnSync("ls", ["/proc/self/fd"], { encoding: "utf8" }).stdout);
  });

  test("runs commands side by side, each in a shell of its own", async () => {
    const fifo = path.join(folder, "fifo");
    spawnSync("mkfifo", [fifo]);
    const [reader] = await Promise.all([run(["cat", fifo]), run(["tee", fifo])]);
    expect(reader.end).toEqual({ exitCode: 0, signal: 0 });
  });
});
