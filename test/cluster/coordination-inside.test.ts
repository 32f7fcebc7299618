// Locks inside tasks: a task that waits for one does not block other tasks.

import { expect, test } from "vitest";
import { Client } from "../../src/index.ts";

test("tasks hold a lock one after the other, more of them than there are slots", async () => {
  const client = await Client.local<typeof import("./lock-tasks.ts")>({
    modules: [`${import.meta.dirname}/lock-tasks.ts`],
    threads: 2,
  });
  try {
    await client.variable<number>("n").set(0);
    const counts = await client.gather(client.map("countUp", Array<string>(20).fill("n")));
    expect(counts.sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  } finally {
    await client.close();
  }
});
