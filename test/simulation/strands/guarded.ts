// Locks and semaphores, held by programs and inside tasks: never by more than may hold them at once,
// and by the next when a holder is gone.

import type { Client } from "../../../client/client.ts";
import { valueOf } from "../functions.ts";
import type { Failed, Stage } from "./stage.ts";

export function guarded(stage: Stage): void {
  const { random } = stage;
  const { book, graceMs } = stage.options;
  const limit = random.chance(0.5) ? 1 : 2 + random.below(2);
  const name = limit === 1 ? "a lock" : "a semaphore";
  const acquire = (client: Client, limits: { timeoutMs?: number }) =>
    limit === 1
      ? client.lock(name).acquire(limits)
      : client.semaphore(name, limit).acquire(1, limits);
  for (const owner of stage.clients) {
    for (let times = random.below(3); times > 0; times -= 1) {
      stage.run(owner, `what holds ${name}`, async (client) => {
        await stage.sleepABit();
        const limits = random.chance(0.3) ? { timeoutMs: random.below(300) } : {};
        const held = await acquire(client, limits).catch((error: Failed) => {
          if (error.code !== "timeout" || !("timeoutMs" in limits)) throw error;
        });
        if (!held) return;
        const leave = book.leases.take(name, limit, () => stage.isSure(owner));
        await stage.sleep(random.next() * graceMs * 0.2);
        leave();
        held.release();
      });
    }
    if (random.chance(0.5)) {
      stage.run(owner, `a task that holds ${name}`, async (client) => {
        await stage.sleepABit();
        const id = stage.newId();
        book.owners.set(id, () => stage.isSure(owner) && !stage.restarted);
        const ms = random.next() * 200;
        const future = stage.hold(client.submit("guards", id, 0, ms, name, limit));
        // It goes on to its end, and has the lease until then.
        const isCancelled = random.chance(0.3);
        if (isCancelled) {
          await stage.sleepABit();
          future.cancel();
        }
        const { value, failed } = await stage.outcome(future.result(), owner);
        if (isCancelled && (failed === undefined || failed.code === "task-cancelled")) {
          future.release();
          return;
        }
        const isWorn = failed?.code === "worker-lost" && stage.isWornOut();
        if (failed) stage.expect(isWorn, `a task that holds ${name}: ${String(failed)}`);
        else stage.expectValue(value, valueOf(id, 0), `a task that holds ${name}`);
        future.release();
      });
    }
  }
}
