// The zero worker of the paper: speaks the protocol as a worker does and answers every task at once,
// without running it, so that what is measured is the scheduler. Many of them in one process.
//
//   zero-worker.ts <scheduler file> <workers> <slots of each>

import { hostname } from "node:os";
import { dial, type DialledLink } from "../../src/link/dial.ts";
import { targetFinder } from "../../src/meeting/target.ts";
import type { FromWorker, ToWorker } from "../../src/wire/protocol.ts";
import { answerQuestions } from "../runner/questions.ts";
import * as tasks from "./tasks.ts";

const [schedulerFile = "", workers = "1", slots = "1"] = process.argv.slice(2);
const finder = targetFinder({ schedulerFile });
if (finder === undefined) throw new Error("Give the scheduler file.");
const { find, describe } = finder;
const functions = Object.keys(tasks);

async function join(index: number): Promise<void> {
  const name = `zero-${index}`;
  const link: DialledLink<ToWorker, FromWorker> = await dial<ToWorker, FromWorker>({
    target: find,
    describeTarget: describe,
    timeoutMs: 60_000,
    // It trusts the scheduler: what it costs to check is not what is measured here.
    check: (message) => message as ToWorker,
    hello: () => ({
      role: "worker",
      id: `${name}-${process.pid}`,
      name,
      host: hostname(),
      pid: process.pid,
      threads: Number(slots),
      slots: Number(slots),
      resources: {},
      functions,
    }),
    on: {
      messages(batch) {
        for (const message of batch) {
          // Whatever it could be asked to cancel or to give back it has answered for already.
          if (message.type === "run") link.send(answerTo(message));
        }
      },
      down: () => undefined,
      up: () => undefined,
      reset: () => undefined,
      lost: () => process.exit(),
    },
  });
}

function answerTo({ keys, attempts }: Extract<ToWorker, { type: "run" }>): FromWorker {
  const values = new Array<string>(keys.length).fill("1");
  const micros = new Array<number>(keys.length).fill(1);
  return { type: "finished", keys, attempts, values, micros };
}

const joined = Promise.all(Array.from({ length: Number(workers) }, (_, index) => join(index)));

/** Answers when all have joined. */
answerQuestions(async () => {
  await joined;
});
