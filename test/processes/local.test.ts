// A program with a cluster of its own leaves nothing behind, however it ends, even while a task spins.

import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { gone, node, type End } from "../processes.ts";
import { behaviours, cleanUp, patientMs } from "./daemons.ts";

afterAll(cleanUp, patientMs);

test.concurrent.each<[what: string, ending: string, how: End["how"], stderr: RegExp]>([
  ["closes its client", "close", 0, /^$/],
  ["exits", "exit", 7, /^$/],
  ["throws what nobody catches", "throw", 1, /Error: nobody catches this/],
  ["rejects what nobody handles", "reject", 1, /Error: nobody handles this/],
  ["is killed", "SIGKILL", "SIGKILL", /^$/],
])(
  "a program with a cluster of its own that %s leaves no process behind",
  async (_, ending, how, stderr) => {
    const program = node([
      path.join(import.meta.dirname, "fixtures", "runs-locally.ts"),
      ending,
      behaviours,
    ]);
    const [text] = await program.wrote(/\[[\d,]+\]/);
    const processes = JSON.parse(text) as number[];
    expect(processes).toHaveLength(2);
    if (ending === "SIGKILL") program.signal(ending);
    // Its streams, which the cluster shares, are closed: so none of them lives.
    const end = await program.ended;
    expect(end.how, end.stderr).toBe(how);
    expect(end.stderr).toMatch(stderr);
    await Promise.all(processes.map(gone));
  },
  patientMs,
);
