// A map over any number of lines holds few of them: it reads on only as its jobs are printed. Lines are
// counted here, from standard input to the printed outputs.

import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { parseMapCommand } from "../../../cli/map/command-line/command-line.ts";
import { openInputs } from "../../../cli/map/inputs/sources.ts";
import { HaltRule } from "../../../cli/map/jobs/halt.ts";
import { JobLoop } from "../../../cli/map/jobs/job-loop.ts";
import { jobsOfRows } from "../../../cli/map/jobs/waiting-jobs.ts";
import { slotWindow } from "../../../cli/map/jobs/window.ts";
import type { AttemptEvents, WaitingJob } from "../../../cli/map/jobs/work.ts";
import { Printer } from "../../../cli/map/output/printer.ts";
import { plainSettings } from "../../../cli/map/template/template.ts";

const window = 4096;
const mostUnprinted = 16_384;
const linesPerChunk = 1_000;
const lines = 100_000;

const ending = { exitCode: 0, signal: 0, startedAt: 0, ranMs: 1, host: ":", sentBytes: 0 };

/** A map of a function over many lines; the calls end at once, but those that `holds` names. */
async function openMap(args: readonly string[], holds: (seq: number) => boolean) {
  const { options, sources } = parseMapCommand([...args, "--module", "./none.ts", "f"]);
  const counts = { read: 0, printed: 0 };
  async function* standardInput() {
    for (let first = 0; first < lines; first += linesPerChunk) {
      counts.read += linesPerChunk;
      yield Buffer.from("line\n".repeat(linesPerChunk));
    }
  }
  const inputs = await openInputs(sources, options.inputs, standardInput());
  const { keepOrder } = options.output;
  const sink = { write: () => undefined };
  const printer = new Printer({ mode: "group", keepOrder, stdout: sink, stderr: sink });
  const held: AttemptEvents[] = [];
  const prepare = (job: WaitingJob, slot: number) => ({
    seq: job.seq,
    rows: job.rows,
    slot,
    command: "",
    skipped: false,
    start: (_: unknown, events: AttemptEvents) => {
      if (holds(job.seq)) held.push(events);
      else queueMicrotask(() => events.ended(ending));
      return { kill: () => undefined };
    },
  });
  const loop = new JobLoop(
    prepare,
    {
      window: slotWindow(() => window),
      delay: undefined,
      timeout: undefined,
      runsOf: () => 1,
      halt: new HaltRule({ when: "never" }, () => 0),
      keepOrder,
    },
    {
      started: () => printer.begin(),
      ended: (_job, _ending, output) => output.end(() => void counts.printed++),
      say: () => undefined,
    },
  );
  const over = loop.run(jobsOfRows(inputs.rows, options, plainSettings, undefined));
  return { over, counts, endHeld: () => held.splice(0).forEach(({ ended }) => ended(ending)) };
}

/** Waits until nothing more is read. */
async function standstill(counts: { read: number }): Promise<void> {
  for (let seen = counts.read, same = 0; same < 100; same++) {
    await setImmediate();
    if (counts.read !== seen) same = 0;
    seen = counts.read;
  }
}

test("no more lines are read ahead of the oldest job than may wait to be printed", async () => {
  const { over, counts, endHeld } = await openMap(["-k"], (seq) => seq === 1);
  await standstill(counts);
  expect(counts.printed).toBe(0);
  expect(counts.read).toBeLessThanOrEqual(mostUnprinted + window + 2 * linesPerChunk);
  endHeld();
  await over;
  expect(counts).toEqual({ read: lines, printed: lines });
});

test("no more lines are read than jobs may run, when none ends", async () => {
  const { over, counts, endHeld } = await openMap([], () => true);
  await standstill(counts);
  expect(counts.read).toBeLessThanOrEqual(window + 2 * linesPerChunk);
  const ending = setInterval(endHeld);
  await over;
  clearInterval(ending);
  expect(counts).toEqual({ read: lines, printed: lines });
});

test("a job that does not end holds no other one up, without --keep-order", async () => {
  const { over, counts, endHeld } = await openMap([], (seq) => seq === 1);
  await standstill(counts);
  expect(counts).toEqual({ read: lines, printed: lines - 1 });
  endHeld();
  await over;
});
