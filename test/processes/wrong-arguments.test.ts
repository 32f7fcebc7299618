// Calls with wrong arguments hurt their caller only: each is an error, and the session that they are made in
// goes on, that of a program as that of a task.

import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Client } from "../../src/index.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import { outcomes } from "./fixtures/slips.ts";

type Tasks = typeof import("./fixtures/slips.ts");

const refused = {
  "a key of no characters": "RangeError",
  "a worker of no name": "RangeError",
  "no workers": "RangeError",
  "a flag that is a number": "TypeError",
  "too long a key for a map": "RangeError",
  "too many workers": "RangeError",
};

let client: Client<Tasks>;
beforeAll(async () => {
  const scheduler = await startScheduler();
  const modules = [path.join(import.meta.dirname, "fixtures", "slips.ts")];
  await startWorker(scheduler, { name: "one", modules });
  client = await connect<Tasks>(scheduler);
}, patientMs);
afterAll(cleanUp, patientMs);

test("of a program", { timeout: patientMs }, async () => {
  const before = client.with({ delayMs: 60_000 }).submit("one");
  expect(await outcomes(client as Client)).toEqual(refused);
  expect(await client.submit("one").result()).toBe(1);
  expect(before.status).toBe("pending");
});

test("of a task, which stays at its first attempt", { timeout: patientMs }, async () => {
  expect(await client.submit("slip").result()).toEqual([refused, 1, 1]);
});
