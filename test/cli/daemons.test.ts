// The daemons as real processes: how they start, find each other, tell how to use them, and end.

import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSchedulerFile, writeSchedulerFile } from "../../src/meeting/scheduler-file.ts";
import { mintToken, viewTokenOf } from "../../src/meeting/token.ts";
import { node, Program, reap, root, thence, type StartOptions } from "../processes.ts";

const tasks = path.join(root, "test", "fixtures", "arithmetic.ts");

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  file = path.join(folder, "s.json");
});
afterEach(async () => {
  await reap();
  await rm(folder, { recursive: true });
});

function scheduler(args: readonly string[] = [], options: StartOptions = {}): Program {
  return thence(["scheduler", "--port", "0", ...args], options);
}

function worker(args: readonly string[] = [], options: StartOptions = {}): Program {
  return thence(["worker", "--threads", "1", "--module", tasks, ...args], options);
}

describe("a scheduler", () => {
  test("says where it listens, where the token is and how to connect, and ends with 0", async () => {
    const program = scheduler(["--scheduler-file", file]);
    await program.wrote(/connect a worker with/);
    const { urls, token, pid } = (await readSchedulerFile(file))!;
    expect(pid).toBe(program.pid);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(program.stderr).toContain(`listening on ${urls[0]}`);
    expect(program.stderr).toContain(`the token is in ${file}, which only you can read`);
    expect(program.stderr).toContain(
      `connect a worker with: thence worker --scheduler-file ${file} --module ./tasks.ts`,
    );

    const { how, stdout, stderr } = await program.end("SIGTERM");
    expect(how, stderr).toBe(0);
    expect(stdout).toBe("");
    expect(stderr).not.toContain(token);
    expect(await readSchedulerFile(file)).toBeUndefined();
  });

  test("leaves alone a scheduler file that is another's by now", async () => {
    const program = scheduler(["--scheduler-file", file]);
    await program.wrote(/connect a worker with/);
    const other = { ...(await readSchedulerFile(file))!, id: "another" };
    await writeSchedulerFile(file, other);
    expect((await program.end("SIGINT")).how).toBe(0);
    expect(await readSchedulerFile(file)).toEqual(other);
  });

  test("takes the file from the environment, as a Slurm script gives it", async () => {
    const program = scheduler([], { env: { THENCE_SCHEDULER_FILE: file } });
    await program.wrote(/connect a worker with/);
    expect((await readSchedulerFile(file))?.pid).toBe(program.pid);
    expect((await program.end("SIGHUP")).how).toBe(0);
  });

  test("keeps a new token in a private folder when it is told no place, and takes it away", async () => {
    const program = scheduler();
    const [, place] = await program.wrote(/the token is in (\S+), which/);
    await program.wrote(/connect a worker with/);
    expect((await stat(path.dirname(place!))).mode & 0o777).toBe(0o700);
    expect((await readSchedulerFile(place!))?.pid).toBe(program.pid);
    expect((await program.end()).how).toBe(0);
    await expect(stat(path.dirname(place!))).rejects.toThrow("ENOENT");
  });

  test("is told its token by a file, and writes no other", async () => {
    const token = mintToken();
    const tokenFile = path.join(folder, "token");
    await writeFile(tokenFile, token);
    const program = scheduler(["--token-file", tokenFile]);
    const [line, url] = await program.wrote(/connect a worker with: thence worker (ws:\S+) .*/);
    expect(line).toContain(`${url} --token-file ${tokenFile} --module ./tasks.ts`);
    const joining = worker([url!, "--token-file", tokenFile]);
    await joining.wrote(/joined the scheduler/);
    expect((await joining.end()).how).toBe(0);
    const { how, stderr } = await program.end();
    expect(how).toBe(0);
    expect(stderr).not.toContain(token);
  });

  test("warns of a token among its arguments, and takes it out of the list of processes", async () => {
    const token = mintToken();
    const program = scheduler(["--token", token]);
    await program.wrote(/warning scheduler: --token shows the token to every user/);
    await program.wrote(/connect a worker with/);
    if (process.platform === "linux") {
      expect(await readFile(`/proc/${program.pid}/cmdline`, "utf8")).not.toContain(token);
    }
    expect((await program.end()).stderr).not.toContain(token);
  });

  test("ends by itself after its idle timeout", async () => {
    const { how, stderr } = await scheduler(["--idle-timeout", "100ms"]).ended;
    expect(how, stderr).toBe(0);
  });

  test("writes its process id where it is told, and takes it away", async () => {
    const pidFile = path.join(folder, "pid");
    const program = scheduler(["--pid-file", pidFile]);
    await program.wrote(/connect a worker with/);
    expect(await readFile(pidFile, "utf8")).toBe(`${program.pid}\n`);
    await program.end();
    await expect(stat(pidFile)).rejects.toThrow("ENOENT");
  });

  test("logs one JSON object a line for machines", async () => {
    const program = scheduler(["--log-format", "json"]);
    await program.wrote(/connect a worker with/);
    const { stderr } = await program.end();
    const records = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(records.length).toBeGreaterThan(2);
    for (const record of records) {
      expect(record).toMatchObject({ level: "info", role: "scheduler" });
      expect(Date.parse(record.time)).not.toBeNaN();
    }
  });

  test("has room for a worker and its client with the least memory that it takes", async () => {
    const where = ["--scheduler-file", file];
    await scheduler([...where, "--memory-limit", "4MiB"]).wrote(/connect a worker with/);
    await worker(where).wrote(/joined the scheduler/);
    const { how, stdout } = await thence(["submit", ...where, "add", "1", "2"]).ended;
    expect([how, stdout]).toEqual([0, "3\n"]);
  });

  test("does not start on a port that is taken, and says so with 1", async () => {
    const first = scheduler();
    const [, port] = await first.wrote(/listening on ws:\/\/127\.0\.0\.1:(\d+)/);
    const env = { TMPDIR: folder };
    const { how, stderr } = await thence(["scheduler", "--port", port!], { env }).ended;
    expect(how).toBe(1);
    expect(await readdir(folder)).toEqual([]);
    expect(stderr).toMatch(new RegExp(`error {3}scheduler: .*${port}`));
    await first.end();
  });

  test("does not start on an interface that is not there, and names those that are", async () => {
    const { how, stderr } = await scheduler(["--interface", "ib7"]).ended;
    expect(how).toBe(2);
    expect(stderr).toContain(`network interface "ib7" is not on ${hostname()}; there are: `);
  });
});

describe("in a job of several nodes a scheduler", () => {
  const job = { SLURM_JOB_ID: "12", SLURM_JOB_NUM_NODES: "2" };

  test("listens on the interface that $THENCE_INTERFACE names, and says why", async () => {
    const env = { ...job, THENCE_INTERFACE: "lo" };
    const program = scheduler(["--scheduler-file", file], { env });
    await program.wrote(/listens on lo \(127\.0\.0\.1\), as \$THENCE_INTERFACE says/);
    await program.end();
  });

  test("refuses an interface of $THENCE_INTERFACE that is not there, with 2", async () => {
    const env = { ...job, THENCE_INTERFACE: "ib7" };
    const { how, stderr } = await scheduler(["--scheduler-file", file], { env }).ended;
    expect(how).toBe(2);
    expect(stderr).toContain('network interface "ib7" is not on ');
  });

  test("ends, and removes its file, when the script that started it has ended", async () => {
    const command = path.join(root, "cli", "bin.js");
    // The scheduler keeps standard error open; the script ends when it is told to.
    const script = `${process.execPath} ${command} scheduler --port 0 --scheduler-file ${file} & read line`;
    const program = new Program("setsid", ["--wait", "sh", "-c", script], {
      env: { ...job, THENCE_INTERFACE: "lo" },
    });
    await program.wrote(/connect a worker with/);
    program.type("\n");
    await program.wrote(/ended: the parent process is gone/);
    expect(await readdir(folder)).toEqual([]);
    await program.ended;
  });
});

describe("a worker", () => {
  test("says once which interface is not there, and on which node, and ends with 2", async () => {
    const env = { SLURMD_NODENAME: "n2" };
    const where = ["--scheduler-file", file, "--interface", "ib7"];
    const { how, stderr } = await worker(where, { env }).ended;
    expect(how).toBe(2);
    expect(stderr.match(/network interface/g)).toHaveLength(1);
    expect(stderr).toContain('"ib7" is not on n2; there are: ');
  });

  test("says why it cannot reach a scheduler that listens on loopback elsewhere", async () => {
    await writeSchedulerFile(file, {
      id: "one",
      urls: ["ws://127.0.0.1:1"],
      token: mintToken(),
      pid: 1,
      host: "n1",
      version: "0.1.0",
      startedAt: new Date().toISOString(),
    });
    const where = ["--scheduler-file", file, "--death-timeout", "1s", "--no-supervise"];
    const { how, stderr } = await worker(where).ended;
    expect(how).toBe(1);
    const hint =
      "the scheduler listens on loopback only, on n1: start it with --interface or --host";
    expect(stderr).toMatch(new RegExp(`waiting for .*${hint}`));
    expect(stderr.trimEnd()).toMatch(/run `thence doctor` on this machine$/);
  });

  test("waits for a scheduler that starts later, and says once what for", async () => {
    const waiting = worker(["--scheduler-file", file]);
    await waiting.wrote(/waiting for the scheduler file/);
    const program = scheduler(["--scheduler-file", file]);
    await waiting.wrote(/joined the scheduler/);
    const { how, stderr } = await waiting.end();
    expect(how, stderr).toBe(0);
    expect(stderr.match(/waiting for/g)).toHaveLength(1);
    expect(stderr).toContain(`waiting for the scheduler file ${file}, for up to 1m`);
    expect((await program.end()).how).toBe(0);
  });

  test("can be ended with 0 while it waits", async () => {
    const waiting = worker(["--scheduler-file", file]);
    await waiting.wrote(/waiting for/);
    expect((await waiting.end()).how).toBe(0);
  });

  test("gives up after its death timeout, and says what it looked for", async () => {
    const { how, stderr } = await worker(["--scheduler-file", file, "--death-timeout", "1s"]).ended;
    expect(how).toBe(1);
    expect(stderr).toContain(file);
    expect(stderr).toMatch(/is not there yet, after 1 s/);
  });

  test("does not start with a token that is not the scheduler's", async () => {
    const program = scheduler(["--scheduler-file", file]);
    const [, url] = await program.wrote(/listening on (\S+)/);
    const { how, stderr } = await worker([url!], { env: { THENCE_TOKEN: "wrong-token" } }).ended;
    expect(how).toBe(2);
    expect(stderr).toMatch(/token/);
    expect(stderr).not.toContain("wrong-token");
    const THENCE_TOKEN = viewTokenOf((await readSchedulerFile(file))!.token);
    const viewing = await worker([url!], { env: { THENCE_TOKEN } }).ended;
    expect(viewing.how).toBe(2);
    expect(viewing.stderr).toContain("give the worker the full token: a view token only allows");
  });

  test.each([
    ["that is not there", "absent.ts", "there is no such file"],
    ["that does not compile", "modules/broken.ts", "does not load"],
    ["that exports no function", "modules/constants.ts", "exports no function"],
  ])("does not start with a module %s: 2, the file and why", async (_, module, why) => {
    const absolute = path.join(root, "test", "fixtures", module);
    const { how, stderr } = await thence(["worker", "ws://127.0.0.1:1", "--module", absolute])
      .ended;
    expect(how).toBe(2);
    expect(stderr).toContain(absolute);
    expect(stderr).toContain(why);
  });

  test("does not start with two modules that export one name, and names both", async () => {
    const other = path.join(root, "test", "fixtures", "modules", "more-arithmetic.ts");
    const { how, stderr } = await worker(["ws://127.0.0.1:1", "--module", other]).ended;
    expect(how).toBe(2);
    expect(stderr).toContain(tasks);
    expect(stderr).toContain(other);
  });

  test("takes its name and threads from Slurm, resources, tags and named modules from its options", async () => {
    const program = scheduler(["--scheduler-file", file]);
    const joining = thence(
      [
        "worker",
        "--scheduler-file",
        file,
        "--module",
        `maths=${tasks}`,
        "--resources",
        "gpu=2,disk=0.5",
        "--tags",
        "highmem, gpu,gpu",
      ],
      {
        env: {
          SLURM_JOB_ID: "7",
          SLURM_STEP_ID: "0",
          SLURM_PROCID: "3",
          SLURMD_NODENAME: "n1",
          SLURM_CPUS_PER_TASK: "2",
        },
      },
    );
    await joining.wrote(/joined the scheduler/);
    const { stdout } = await thence(["status", "--json", "--scheduler-file", file]).ended;
    expect(JSON.parse(stdout).workers).toMatchObject([
      {
        name: "n1-7.0-3",
        threads: 2,
        resources: { gpu: { total: 2, used: 0 }, disk: { total: 0.5, used: 0 } },
        tags: ["gpu", "highmem"],
        functions: ["maths.add", "maths.sub"],
      },
    ]);
    await Promise.all([joining.end(), program.end()]);
  });

  test("has a name of its own beside workers of other jobs, and beside one of its own task", async () => {
    const program = scheduler(["--scheduler-file", file]);
    const env = (job: string) => ({
      SLURM_JOB_ID: job,
      SLURM_STEP_ID: "0",
      SLURM_PROCID: "0",
      SLURMD_NODENAME: "n1",
    });
    const jobs = ["7", "8", "8"].map((job) =>
      worker(["--scheduler-file", file], { env: env(job) }),
    );
    await Promise.all(jobs.map((each) => each.wrote(/joined the scheduler/)));
    const { stdout } = await thence(["status", "--json", "--scheduler-file", file]).ended;
    const names: string[] = JSON.parse(stdout).workers.map(({ name }: { name: string }) => name);
    const [first, second, third] = names.sort();
    expect([first, second]).toEqual(["n1-7.0-0", "n1-8.0-0"]);
    expect(third).toMatch(/^n1-8\.0-0-\w{6}$/);

    const given = worker(["--scheduler-file", file, "--name", "n1-7.0-0"]);
    expect(await given.ended).toMatchObject({
      how: 1,
      stderr: expect.stringContaining('choose another --name: a worker named "n1-7.0-0"'),
    });
    await Promise.all([...jobs, program].map((each) => each.end()));
  });

  test("lets running tasks finish when it is told to end, and ends at once when told again", async () => {
    const program = scheduler(["--scheduler-file", file]);
    const behaviours = path.join(root, "test", "fixtures", "behaviours.ts");
    const busy = worker(["--scheduler-file", file, "--module", behaviours]);
    await busy.wrote(/joined the scheduler/);
    const submit = (...args: string[]) => thence(["submit", "--scheduler-file", file, ...args]);
    const short = submit("pause", "3000");
    await running(1);
    busy.signal("SIGTERM");
    // The same Ctrl-C, forwarded by a launcher.
    busy.signal("SIGINT");
    expect(await busy.ended).toMatchObject({ how: 0 });
    expect((await short.ended).stdout).toBe("3000\n");

    const stuck = worker(["--scheduler-file", file, "--module", behaviours]);
    await stuck.wrote(/joined the scheduler/);
    submit("neverEnds");
    await running(1);
    stuck.signal("SIGTERM");
    // Late enough not to count as the same request.
    await sleep(1_200);
    expect((await stuck.end("SIGTERM")).how).toBe(1);
    expect((await program.end()).how).toBe(0);
  }, 60_000);

  /** Resolves when this number of tasks is running. */
  async function running(count: number): Promise<void> {
    const status = async () =>
      JSON.parse((await thence(["status", "--json", "--scheduler-file", file]).ended).stdout);
    await expect.poll(async () => (await status()).tasks.running, { timeout: 20_000 }).toBe(count);
  }

  test("under a launcher ends with it, even when that is killed", async () => {
    const old =
      'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})';
    const launcher = worker(["--scheduler-file", file], {
      flags: ["--import", `data:text/javascript,${old}`],
    });
    await launcher.wrote(/waiting for/);
    // The streams close when the worker process, which shares them, has ended too.
    expect((await launcher.end("SIGKILL")).stderr).toContain("the parent process is gone: ending");
  });
});

test.each(["scheduler", "worker"])("thence-%s is the same daemon", async (role) => {
  const { how, stdout } = await node([path.join(root, "cli", `bin-${role}.js`), "--help"]).ended;
  expect(how).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: thence-${role} \\[options\\]`));
});
