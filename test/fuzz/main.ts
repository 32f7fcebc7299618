// Fuzzing by hand: `npm run fuzz -- --seed 7 --count 1000000 [--target scheduler|worker|relay]`.

import { parseArgs } from "node:util";
import { cleanUp } from "../processes/daemons.ts";
import { expectRightAnswers } from "./arena.ts";
import { fuzz, targets, type FuzzTarget } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: `${Date.now() % 2 ** 31}` },
    count: { type: "string", default: "1000000" },
    target: { type: "string", multiple: true },
  },
});
const only = values.target?.map((name): FuzzTarget => {
  const known = targets.find((target) => target === name);
  if (known === undefined)
    throw new RangeError(`--target takes ${targets.join(", ")}, not "${name}"`);
  return known;
});
const [seed, count] = [Number(values.seed), Number(values.count)];
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(count)) {
  throw new RangeError("--seed and --count take whole numbers");
}

const problems: string[] = [];
process.on("unhandledRejection", (error) => problems.push(`unhandled: ${(error as Error).stack}`));
const mostMemory = 1_500_000_000;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
const began = performance.now();
console.log(`seed ${seed}, ${count} frames and handshakes`);
const outcome = await fuzz({
  seed,
  count,
  ...(only && { only }),
  progress: (done) => {
    const { rss, heapUsed } = process.memoryUsage();
    if (rss > mostMemory) problems.push(`the memory grew to ${megabytes(rss)}`);
    console.log(`${done} done; memory ${megabytes(rss)}, heap ${megabytes(heapUsed)}`);
  },
});
problems.push(...outcome.problems);
if (problems.length === 0) {
  await expectRightAnswers(outcome.arena.client, 1_000);
  const status = (await outcome.arena.client.workers()).find(({ name }) => name === "good")?.status;
  if (status !== "up") problems.push(`the worker is ${status}: memory is still reserved`);
}
for (const name of targets) {
  const { frames, spoiled, welcomed, resumed, refused, cutOff } = outcome.tally[name];
  if (frames > 0) console.log(name, { frames, spoiled, welcomed, resumed, refused, cutOff });
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${outcome.handshakes} over sockets, ${outcome.steps} steps, ${seconds.toFixed(0)} s`);
for (const problem of problems.slice(0, 10)) console.error(problem);
await cleanUp();
// What is broken may keep the process.
process.exit(problems.length === 0 ? 0 : 1);
