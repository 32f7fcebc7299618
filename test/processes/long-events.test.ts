// What a client of 10,000 tasks in a row may say in one breath: whoever else is there is heard meanwhile.

import { afterEach, expect, test } from "vitest";
import type { Client } from "../../src/index.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

const count = 20_000;

afterEach(cleanUp, patientMs);

/** A chain that waits for its first task. */
function chainOf(client: Client<Tasks>, options: { pure?: boolean } = {}) {
  const futures = [client.with({ ...options, delayMs: 3_600_000 }).submit("add", 1, 1)];
  const others = client.with(options);
  while (futures.length < count) futures.push(others.submit("add", futures.at(-1)!, 1));
  return futures;
}

async function stage() {
  const scheduler = await startScheduler();
  const worker = await startWorker(scheduler, { name: "one" });
  const [client, bystander] = [await connect<Tasks>(scheduler), await connect<Tasks>(scheduler)];
  const pending = bystander.submit("waitFor", 1);
  await pending.result();
  /** Nobody was given up for its silence, or had to come back. */
  const expectNobodyMissed = async () => {
    expect(await bystander.submit("add", 1, 10).result()).toBe(11);
    for (const { stderr } of [scheduler.program, worker]) {
      expect(stderr).not.toMatch(/dropped|is down|lost/);
    }
  };
  return { client, bystander, expectNobodyMissed };
}

test(
  "cancels a chain whose end is published",
  async () => {
    const { client, expectNobodyMissed } = await stage();
    const chain = chainOf(client);
    await client.publish("end", chain.at(-1));
    client.cancel(chain);
    await client.info();
    await expectNobodyMissed();
  },
  patientMs,
);

test(
  "cancels a pure chain that another client has, too",
  async () => {
    const { client, bystander, expectNobodyMissed } = await stage();
    const chain = chainOf(client, { pure: true });
    await client.info();
    chainOf(bystander, { pure: true });
    await bystander.info();
    client.cancel(chain);
    await client.info();
    await expectNobodyMissed();
  },
  patientMs,
);

test(
  "has tasks with options of their own that nobody can run",
  async () => {
    const { client, expectNobodyMissed } = await stage();
    const futures = Array.from({ length: count }, (_, index) =>
      client
        .with({ resources: { [`r${index % 100}`]: 1 + index }, unschedulableTimeoutMs: 2_000 })
        .submit("add", 1, 1),
    );
    await client.wait(futures);
    await expectNobodyMissed();
  },
  patientMs,
);
