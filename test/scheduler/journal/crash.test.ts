// A process that is killed at any moment while it writes: all that it told is there, in order, and nothing else
// but what it was about to tell.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeSnapshot } from "../../../scheduler/journal/snapshots.ts";
import { countIn } from "./fixtures/count-in.ts";
import { makeDirectory, open } from "./writes.ts";

const program = join(import.meta.dirname, "fixtures", "write-and-tell.ts");

/** The most records in one write. */
const mostUntold = 5;

/** Of each journal; `THENCE_KILLS=500` tries more. */
const kills = Number(process.env["THENCE_KILLS"] ?? 25);

test(
  "a journal survives kill -9 again and again",
  { timeout: 240_000 + 5_000 * kills },
  async () => {
    // Two journals, so that one process starts while another is killed.
    await Promise.all([surviveKills(kills), surviveKills(kills)]);
  },
);

async function surviveKills(rounds: number): Promise<void> {
  const directory = await makeDirectory();
  let before = 0;
  let fromSnapshots = 0;
  for (let round = 0; round < rounds; round++) {
    // On a quick machine all lines are there before the first snapshot is.
    const needsSnapshot = round % 4 === 3;
    const told = await toldBeforeKill(directory, {
      lines: 1 + ((round * 37) % 500),
      needsSnapshot,
    });
    const journal = await open(directory);
    const count = countIn(journal.snapshot(), journal.records());
    expect(count, `round ${round}`).toBeGreaterThanOrEqual(Math.max(told, before));
    expect(count, `round ${round}`).toBeLessThanOrEqual(Math.max(told, before) + mostUntold);
    if (journal.snapshot()) fromSnapshots += 1;
    else expect(needsSnapshot, `round ${round}`).toBe(false);
    before = count;
    await journal.close();
  }
  // How many depends on how soon they were killed.
  expect(fromSnapshots).toBeGreaterThan(0);
  await replaceAll(directory, before);
  const files = (await readdir(directory)).map((name) => name.replace(/-.*/, ""));
  expect(files.sort()).toEqual(["journal.json", "segment", "snapshot"]);
}

/** One snapshot replaces whatever the runs have left. */
async function replaceAll(directory: string, count: number): Promise<void> {
  const journal = await open(directory);
  const upTo = journal.rotate();
  const chunks = [
    { count, is: "first" },
    { count, is: "last" },
  ];
  writeSnapshot(directory, upTo, chunks, { version: "1.0.0" });
  journal.adopt(upTo);
  await journal.close();
}

/**
 * Kills the writer a random moment after it printed so many lines, and perhaps that it has a snapshot; returns the
 * last number that it told.
 */
async function toldBeforeKill(
  directory: string,
  { lines, needsSnapshot }: { lines: number; needsSnapshot: boolean },
): Promise<number> {
  const child = spawn(process.execPath, [program, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  let isKilled = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (isKilled || output.split("\n").length <= lines) return;
    if (needsSnapshot && !output.includes("adopted")) return;
    isKilled = true;
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 20);
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal, output.slice(-200)).toBe("SIGKILL");
  const whole = output.slice(0, output.lastIndexOf("\n")).split("\n");
  return Number(whole.findLast((line) => /^\d+$/.test(line)));
}
