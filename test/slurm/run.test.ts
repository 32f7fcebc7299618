// `thence run` on a real Slurm, and batch scripts without a line of noise.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  processesOfJobs,
  runJob,
  startSlurm,
  whyNoSlurm,
  type Outcome,
  type SlurmCluster,
} from "./cluster.ts";

const root = path.join(import.meta.dirname, "..", "..");
const tasks = path.join(root, "examples", "guide", "tasks.ts");
const main = path.join(root, "examples", "guide", "main.ts");
const sums = "11\n13\n15\n17\n19\n";
/** A line of the log of a daemon, which says what it does and no more. */
const info = /^\d\d:\d\d:\d\d\.\d{3} info {4}(scheduler|worker): /;

describe.skipIf(whyNoSlurm() !== undefined)("on a real Slurm", () => {
  let cluster: SlurmCluster;
  let folder: string;
  beforeAll(async () => {
    cluster = await startSlurm({ nodes: 4 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });
  beforeEach(async () => {
    folder = await mkdtemp(path.join(cluster.directory, "job-"));
  });
  afterEach(async () => {
    await nothingLeft(cluster);
    await rm(folder, { recursive: true });
  });

  /** Every node is this machine, so the nodes reach each other by loopback. */
  const env = () => ({
    PATH: `${path.join(root, "node_modules", ".bin")}:${cluster.env.PATH}`,
    THENCE_INTERFACE: "lo",
  });
  const srun = (args: readonly string[]): Promise<Outcome> =>
    cluster.run("srun", args, { cwd: folder, env: env(), timeoutMs: 100_000 });
  const run = (...args: readonly string[]): Promise<Outcome> =>
    srun(["-N2", "-n4", "thence", "run", ...args]);

  /** Submits a script and waits for its end. */
  async function batch(script: string): Promise<Outcome> {
    writeFileSync(path.join(folder, "job.sbatch"), script);
    const files = ["--output=out", "--error=err"];
    const code = await runJob(cluster, [...files, "job.sbatch"], { cwd: folder, env: env() });
    const read = (file: string) => readFileSync(path.join(folder, file), "utf8");
    return { code, stdout: read("out"), stderr: read("err") };
  }
  const program = (text: string): string => {
    writeFileSync(path.join(folder, "driver.mjs"), text);
    return "driver.mjs";
  };

  test("one line starts everything, says nothing of its own, and leaves nothing", async () => {
    expect(await run("--module", tasks, main)).toEqual({ code: 0, stdout: sums, stderr: "" });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("the exit code of the step is the driver's", async () => {
    const { code, stderr } = await run("--module", tasks, program("process.exitCode = 3;"));
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: "srun: error: n1: task 0: Exited with exit code 3\n",
    });
  });

  test("a program that is not there is said once, with 2", async () => {
    const { code, stderr } = await run("--module", tasks, "nope.mjs");
    expect(code).toBe(2);
    expect(stderr.match(/there is no file nope\.mjs in /g)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a module that is on one node only costs the other node, which is named", async () => {
    await mkdir(path.join(folder, "n1"));
    writeFileSync(path.join(folder, "n1", "tasks.ts"), readFileSync(tasks));
    const command = `thence run --module ./$SLURMD_NODENAME/tasks.ts ${main}`;
    const { code, stdout, stderr } = await srun(["-w", "n1,n2", "-n4", "sh", "-c", command]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: sums });
    const said = linesNot(/^srun: /, stderr);
    expect(said).toEqual([
      expect.stringMatching(/n2\/tasks\.ts does not load: there is no such file$/),
      expect.stringMatching(/^thence run: 2 of 4 ranks have no worker: n2-\S+-2, n2-\S+-3$/),
    ]);
  });

  test("when no rank has a worker, the driver hears why", async () => {
    const { code, stderr } = await run("--module", "./taks.ts", main);
    expect(code).toBe(2);
    expect(stderr).toMatch(/UnschedulableError: start workers: .*taks\.ts does not load/);
    expect(stderr.match(/could not start: .*taks\.ts does not load/g)).toHaveLength(1);
    expect(stderr).not.toMatch(/ worker: /);
  });

  test("when the workers of all ranks have left, the driver hears at once", async () => {
    const driver = program(`
      import { Client } from ${JSON.stringify(path.join(root, "src", "index.ts"))};
      const client = await Client.connect();
      await client.waitForWorkers(4);
      await client.retireWorkers((await client.workers()).map(({ name }) => name));
      console.log(await client.submit("add", 1, 2).exception());
      await client.close();`);
    const { code, stdout } = await run("--module", tasks, driver);
    expect(code).toBe(0);
    expect(stdout).toContain("start workers: those of all ranks have ended");
  });

  test("two steps of one job do not disturb each other", async () => {
    const step = `srun --overlap -N2 -n2 thence run --module ${tasks} ${main}`;
    const { code, stdout, stderr } = await batch(`#!/bin/bash
#SBATCH --nodes=2
#SBATCH --ntasks=4
${step} > a & first=$!
${step} > b & second=$!
wait $first && wait $second && cat a b
`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: sums + sums, stderr: "" });
  });

  test("what the step is given to read goes to the driver, however much it is", async () => {
    const read = program(
      "let n = 0; for await (const c of process.stdin) n += c.length; console.log(n);",
    );
    const command = `head -c 1000000 /dev/zero | srun -N2 -n4 thence run --module ${tasks} ${read}`;
    const { stdout } = await cluster.run("sh", ["-c", command], { cwd: folder, env: env() });
    expect(stdout).toBe("1000000\n");
  });

  test("the driver hears the end of the job once, and has its time", async () => {
    const driver = program(`
      process.once("SIGTERM", () => setTimeout(() => {
        console.log("saved");
        process.exit(0);
      }, 500));
      setInterval(() => undefined, 1_000);
      console.log("ready", process.env.SLURM_JOB_ID);`);
    const ended = batch(`#!/bin/bash
#SBATCH --nodes=2
trap : TERM
srun -n2 thence run --module ${tasks} ${driver}
`);
    const out = path.join(folder, "out");
    const [, job] = await until(() => /ready (\d+)/.exec(read(out)) ?? undefined);
    await cluster.run("scancel", [job!]);
    await ended;
    await until(() => (read(out).endsWith("saved\n") ? true : undefined));
  });

  test("when the first rank is killed, the others end within their death timeout", async () => {
    const driver = program(`
      import { Client } from ${JSON.stringify(path.join(root, "src", "index.ts"))};
      const client = await Client.connect();
      await client.waitForWorkers(2);
      process.kill(process.ppid, "SIGKILL");
      await client.submit("nothing").result();`);
    const { code, stderr } = await srun(["-N2", "-n2", "thence", "run", "--module", tasks, driver]);
    expect(code).not.toBe(0);
    expect(stderr.match(/ worker: .*could not be restored within (60 s|1 minute)/g)).toHaveLength(
      1,
    );
  }, 150_000);

  test("the guide's script says nothing but the info lines of its daemons", async () => {
    const both = program(`
      import { Client } from ${JSON.stringify(path.join(root, "src", "index.ts"))};
      const client = await Client.connect();
      await client.waitForWorkers(2);
      await client.close();
      await import(${JSON.stringify(main)});`);
    const guide = readFileSync(path.join(root, "examples", "slurm", "guide.sbatch"), "utf8");
    const here = guide
      .replaceAll("examples/guide", path.join(root, "examples", "guide"))
      // The driver must not be faster than the start of a worker: who comes after the end finds nobody.
      .replace(/^node .*$/m, `node ${both}`)
      .replace("$PWD/node_modules", path.join(root, "node_modules"))
      .replace(/^export INTERFACE=.*$/m, "INTERFACE=lo");
    const { code, stdout, stderr } = await batch(here);
    expect({ code, stdout }).toEqual({ code: 0, stdout: sums });
    expect(linesNot(info, stderr)).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(["driver.mjs", "err", "job.sbatch", "out"]);
  });

  test("a driver that is faster than the start of its workers ends in silence, too", async () => {
    const guide = readFileSync(path.join(root, "examples", "slurm", "guide.sbatch"), "utf8");
    const here = guide
      .replace("--nodes=2", "--nodes=4")
      .replaceAll("examples/guide", path.join(root, "examples", "guide"))
      .replace("$PWD/node_modules", path.join(root, "node_modules"))
      // The last two workers begin when the driver may have ended.
      .replace(
        "  thence worker",
        `  sh -c 'sleep $((SLURM_PROCID / 2 * 3)); exec "$0" "$@"' thence worker`,
      )
      .replace(/^export INTERFACE=.*$/m, "INTERFACE=lo");
    const { code, stdout, stderr } = await batch(here);
    expect({ code, stdout }).toEqual({ code: 0, stdout: sums });
    expect(linesNot(info, stderr)).toEqual([]);
  });

  test("workers that fail before the scheduler is there are heard of", async () => {
    const { stderr } = await batch(`#!/bin/bash
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
export THENCE_SCHEDULER_FILE=$PWD/scheduler-$SLURM_JOB_ID.json
trap 'kill %1; wait %1; wait' EXIT
{ sleep 3; exec thence scheduler --port 0; } &
srun --overlap --kill-on-bad-exit=0 thence worker --module ${tasks}.mts &
node ${main}
`);
    expect(stderr).toMatch(/UnschedulableError: start workers: .*tasks.ts.mts does not load/);
  });

  test("a script that forgets its scheduler leaves none, and no file with a token", async () => {
    const { code, stdout, stderr } = await batch(`#!/bin/bash
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
export THENCE_SCHEDULER_FILE=$PWD/scheduler-$SLURM_JOB_ID.json
thence scheduler --port 0 &
srun --overlap thence worker --module ${tasks} &
node ${main}
`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: sums });
    await nothingLeft(cluster);
    expect(readdirSync(folder).sort()).toEqual(["err", "job.sbatch", "out"]);
    // Slurm says that it ends the step of the workers, since the job is over. Ours is no word of it.
    expect(
      linesNot(
        /^srun: Job step aborted|CANCELLED AT|^srun: error: n\d: task|^srun: (got|forcing)/,
        stderr,
      ).filter((line) => !info.test(line)),
    ).toEqual([]);
  });

  test("an interface that is not there is said once by each worker, with its node, and 2", async () => {
    const worker = ["thence", "worker", "--interface", "ib9", "--module", tasks];
    const { code, stderr } = await srun([
      "-w",
      "n1,n2",
      "-n2",
      ...worker,
      "--scheduler-file",
      "s.json",
    ]);
    expect(code).toBe(2);
    const lines = stderr.split("\n").filter((line) => line.includes("network interface"));
    expect(lines.map((line) => / is not on (n\d); there are: /.exec(line)?.[1]).sort()).toEqual([
      "n1",
      "n2",
    ]);
  });

  test("another user cannot connect, and finds the token nowhere", async () => {
    const driver = program(`
      import { execFileSync } from "node:child_process";
      import { readFileSync } from "node:fs";
      import { Client } from ${JSON.stringify(path.join(root, "src", "index.ts"))};
      const client = await Client.connect();
      await client.waitForWorkers(2);
      const file = process.env.THENCE_SCHEDULER_FILE;
      const { token, urls } = JSON.parse(readFileSync(file, "utf8"));
      const asOther = (command, ...args) => {
        try {
          const other = ["--reuid=65534", "--regid=65534", "--clear-groups", command, ...args];
          return execFileSync("setpriv", other, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
        } catch (error) {
          return String(error.stdout) + String(error.stderr);
        }
      };
      const ask = "fetch(process.argv[1]).then(async (a) => console.log(a.status, await a.text()))";
      const answers = {
        file: asOther("cat", file),
        environment: asOther("sh", "-c", "cat /proc/" + process.pid + "/environ"),
        processes: asOther("ps", "-eww", "-o", "args"),
        job: execFileSync("scontrol", ["show", "job", process.env.SLURM_JOB_ID], { encoding: "utf8" }),
        workers: asOther(process.execPath, "-e", ask, urls[0].replace("ws", "http") + "/api/workers"),
        upgrade: asOther(process.execPath, "-e", "const socket = new WebSocket(process.argv[1]); socket.onopen = () => socket.send('{}'); socket.onclose = ({ code }) => console.log(code === 4001 ? 'refused' : code)", urls[0]),
      };
      console.log(JSON.stringify({ token, answers }));
      await client.close();`);
    const args = ["-N2", "-n2", "thence", "run", "--log-level", "debug", "--module", tasks, driver];
    const { code, stdout, stderr } = await srun(args);
    expect(code, stderr).toBe(0);
    const { token, answers } = JSON.parse(stdout) as {
      token: string;
      answers: Record<string, string>;
    };
    expect(token.length).toBeGreaterThan(40);
    for (const text of [stderr, ...Object.values(answers)]) expect(text).not.toContain(token);
    expect(answers.file).toContain("Permission denied");
    expect(answers.environment).toContain("Permission denied");
    expect(answers.processes).toContain("thence run");
    expect(answers.workers).toMatch(/^401 The view token is needed/);
    expect(answers.upgrade).toBe("refused\n");
  });
});

function linesNot(pattern: RegExp, text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !pattern.test(line));
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

async function nothingLeft(cluster: SlurmCluster): Promise<void> {
  await until(() => (processesOfJobs(cluster.directory).length === 0 ? true : undefined));
}

/** Polls until there is an answer; bounded by the time limit of the test. */
async function until<Answer>(ask: () => Answer | undefined): Promise<Answer> {
  for (;;) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await sleep(100);
  }
}
