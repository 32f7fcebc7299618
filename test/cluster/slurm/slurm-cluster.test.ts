// The options of a SlurmCluster, where there is no Slurm: what is refused leaves nothing behind.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BatchSystemError, SlurmCluster } from "../../../cluster/index.ts";
import { hostOf, slurmScript } from "../../../cluster/slurm/slurm-cluster.ts";

let directory: string;
const before = process.env["PATH"];
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), "thence-options-"));
  process.env["PATH"] = "/nowhere";
});
afterAll(() => {
  process.env["PATH"] = before;
  rmSync(directory, { recursive: true, force: true });
});

const modules = ["./tasks.ts"];

test.each([
  [{}, "give the modules with your functions"],
  [{ modules: [] }, "give the modules with your functions"],
  [{ modules: ["thence=./tasks.ts"] }, 'choose another name than "thence"'],
  [{ modules, worker: 2 }, 'Did you mean "workers"?'],
  [{ modules, workers: -1 }, "workers must be 0 or more"],
  [{ modules, cpusPerWorker: 1.5 }, "cpusPerWorker must be a whole number"],
  [{ modules, memory: "16" }, '"16" is not a size'],
  [{ modules, time: "soon" }, '"soon" is not a time limit'],
  [{ modules, extra: "--gres=gpu:1" }, "extra must be an array of strings"],
  [{ modules, port: 70_000 }, "port must be 0 to 65535"],
  [{ modules, partition: "a\n#SBATCH --uid=0" }, "without a line break"],
])("%j is refused before anything is there", async (options, words) => {
  const wrong = { directory, host: "127.0.0.1", ...options } as never;
  await expect(SlurmCluster.start(wrong)).rejects.toThrow(words);
  expect(readdirSync(directory)).toEqual([]);
});

test("without Slurm's commands the error says where to run this, and nothing is left", async () => {
  const starting = SlurmCluster.start({ modules, directory, host: "127.0.0.1" });
  const error = await starting.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BatchSystemError);
  expect((error as Error).message).toContain("there is no sbatch on the PATH");
  expect(readdirSync(directory)).toEqual([]);
});

test("the script is shown without a cluster", () => {
  const script = slurmScript({ modules, directory, memory: 2 ** 30, schedulerFile: "/s.json" });
  expect(script).toContain("#SBATCH --mem=1024M\n");
  expect(script).toContain("--scheduler-file /s.json ");
  expect(readdirSync(directory)).toEqual([]);
});

describe("the address of the scheduler", () => {
  const at = (address: string, internal = false) => [
    { address, internal, family: "IPv4" as const, netmask: "", mac: "", cidr: null },
  ];
  const lo = at("127.0.0.1", true);

  test("is the one that was named", () => {
    const interfaces = { lo, eth0: at("192.168.1.7"), ib0: at("10.1.0.7") };
    expect(hostOf({ interface: "ib0" }, interfaces)).toBe("10.1.0.7");
    expect(hostOf({ interface: "ib0", host: "10.9.9.9" }, interfaces)).toBe("10.9.9.9");
  });

  test("is that of the only network, or loopback without any", () => {
    expect(hostOf({}, { lo, eth0: at("192.168.1.7") })).toBe("192.168.1.7");
    expect(hostOf({}, { lo })).toBe("127.0.0.1");
  });

  test("must be named where there are several networks", () => {
    const interfaces = { lo, eth0: at("192.168.1.7"), ib0: at("10.1.0.7") };
    expect(() => hostOf({}, interfaces)).toThrow(
      'with the option "interface": there are eth0 (192.168.1.7), ib0 (10.1.0.7)',
    );
  });
});
