// Runs one program to its end, with inputs on standard input, and measures it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, readFileSync } from "node:fs";

export type Measured = {
  /** From the start of the program to its end, and to its first output, in milliseconds. */
  readonly elapsedMs: number;
  readonly firstOutputMs: number | undefined;
  /** The most memory it was resident in, in MiB; undefined where there is no /proc. */
  readonly peakMiB: number | undefined;
};

/** How often the peak of memory is read, in milliseconds: the kernel keeps it, but only while the process is there. */
const lookEveryMs = 20;

/** @throws {Error} when the program does not exit with 0 */
export async function measure(
  program: readonly string[],
  inputs: string | undefined,
): Promise<Measured> {
  const [file, ...args] = program;
  const began = performance.now();
  const child = spawn(file!, args, {
    stdio: [inputs === undefined ? "ignore" : "pipe", "pipe", "inherit"],
  });
  let firstOutputMs: number | undefined;
  let peakMiB: number | undefined;
  child.stdout!.once("data", () => (firstOutputMs = performance.now() - began));
  child.stdout!.resume();
  if (inputs !== undefined) createReadStream(inputs).pipe(child.stdin!);
  const timer = setInterval(() => (peakMiB = peakOf(child.pid!) ?? peakMiB), lookEveryMs);
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    if (code !== 0) throw new Error(`${program.join(" ")} ended with ${code ?? signal}`);
  } finally {
    clearInterval(timer);
  }
  return { elapsedMs: performance.now() - began, firstOutputMs, peakMiB };
}

function peakOf(pid: number): number | undefined {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
    return Number(kibibytes) / 1024;
  } catch {
    return undefined;
  }
}
