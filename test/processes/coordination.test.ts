// What a killed program held or waited for is there for others once its grace period is over, and a
// cut link costs nothing of it.

import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { node } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";
import { Proxy } from "./proxy.ts";

afterEach(cleanUp, patientMs);

const fixture = path.join(import.meta.dirname, "fixtures", "holds-lock.ts");

test(
  "a lock whose holder is killed goes to the next, and the killed one's get takes no item",
  async () => {
    const scheduler = await startScheduler({ core: { graceMs: 1_000 } });
    const { url, token } = scheduler;
    const client = await connect(scheduler);
    const program = node([fixture, url], { env: { THENCE_TOKEN: token } });
    await program.wrote(/holding/);
    const lock = client.lock("db");
    expect(await lock.locked()).toBe(true);
    const acquiring = lock.acquire();
    await program.end("SIGKILL");
    await client.queue("work").put("item");

    const held = await acquiring;
    held.release();
    expect(await lock.locked()).toBe(false);
    // It was handed to the dead one at first, who never had it.
    expect(await client.queue("work").get()).toBe("item");
  },
  patientMs,
);

test(
  "through a cut link a lock is kept, a waiting get is answered, and a put is done once",
  async () => {
    const scheduler = await startScheduler();
    const proxy = await Proxy.to(scheduler.port);
    const far = await connect({ url: proxy.url, token: scheduler.token });
    const near = await connect(scheduler);
    const held = await far.lock("db").acquire();
    const getting = far.queue<number>("there").get();
    await far.info();
    proxy.cut();
    const putting = far.queue<number>("back").put(1);
    await near.queue<number>("there").put(2);
    expect(await near.lock("db").locked()).toBe(true);
    proxy.heal();

    expect(await getting).toBe(2);
    await putting;
    expect(await near.queue("back").getBatch(9)).toEqual([1]);
    expect([held.held, held.signal.aborted]).toEqual([true, false]);
    const next = near.lock("db").acquire();
    held.release();
    (await next).release();
  },
  patientMs,
);
