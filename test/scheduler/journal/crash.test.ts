// A process that is killed at any moment while it writes: all that it told is there, in order, and nothing else
// but what it was about to tell.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { countIn } from "./fixtures/count-in.ts";
import { makeDirectory, open } from "./writes.ts";

const program = join(import.meta.dirname, "fixtures", "write-and-tell.ts");

/** The most records in one write. */
const mostUntold = 5;

test("a journal survives kill -9 a hundred times", { timeout: 240_000 }, async () => {
  // Two journals, so that one process starts while another is killed.
  await Promise.all([surviveKills(50), surviveKills(50)]);
});

async function surviveKills(rounds: number): Promise<void> {
  const directory = await makeDirectory();
  let before = 0;
  let fromSnapshots = 0;
  for (let round = 0; round < rounds; round++) {
    const told = await toldBeforeKill(directory, { lines: 1 + ((round * 37) % 500) });
    const journal = await open(directory);
    const count = countIn(journal.snapshot(), journal.records());
    expect(count, `round ${round}`).toBeGreaterThanOrEqual(Math.max(told, before));
    expect(count, `round ${round}`).toBeLessThanOrEqual(Math.max(told, before) + mostUntold);
    if (journal.snapshot()) fromSnapshots += 1;
    before = count;
    await journal.close();
  }
  expect(fromSnapshots).toBeGreaterThan(rounds / 2);
  // Each run has left a file at least; most are replaced by snapshots.
  expect((await readdir(directory)).length).toBeLessThan(rounds);
}

/** Kills the writer a random moment after it printed so many lines; returns the last number that it told. */
async function toldBeforeKill(directory: string, { lines }: { lines: number }): Promise<number> {
  const child = spawn(process.execPath, [program, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  let isKilled = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (isKilled || output.split("\n").length <= lines) return;
    isKilled = true;
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 20);
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal, output.slice(-200)).toBe("SIGKILL");
  return Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
}
