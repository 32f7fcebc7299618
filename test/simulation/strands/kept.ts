// Tasks that are kept after they settled: a client submits them and is gone, and others ask for them by key.

import type { Client } from "../../../client/client.ts";
import type { SimulatedClient } from "../cluster.ts";
import { valueOf } from "../functions.ts";
import type { Failed, Stage } from "./stage.ts";

type Kept = {
  readonly key: string;
  readonly id: number;
  readonly keepMs: number;
  readonly ms: number;
  readonly isBig: boolean;
  /** The scheduler had not heard of it before that, so it is kept until `keepMs` after that, or longer. */
  submittedAt: number;
  isCancelled: boolean;
  /** Another call may have taken its key, once its time was over. */
  isTaken: boolean;
};

export function kept(stage: Stage): void {
  const { random } = stage;
  const { cluster, faults, time, tell, graceMs } = stage.options;
  const stays = random.chance(0.3);
  const submitter = stays ? random.pick(stage.clients) : cluster.startClient("client-keeper");
  const tasks = random.several(1, 4, (): Kept => {
    const id = stage.newId();
    const keepMs = 1 + random.next() * random.pick([200, 5_000, 20_000]);
    const ms = random.next() * random.pick([20, 1_000]);
    const rest = { submittedAt: Infinity, isCancelled: false, isTaken: false };
    return { key: `kept ${id}`, id, keepMs, ms, isBig: random.chance(0.4), ...rest };
  });
  let isSubmitted = false;

  const submitting = stage.run(submitter, "what is kept", async (client) => {
    await stage.sleepABit();
    for (const task of tasks) {
      task.submittedAt = time.now;
      const future = submit(client, task, { keepMs: task.keepMs });
      if (random.chance(0.5)) future.release();
      else stage.hold(future);
    }
    // Heard, and with a journal kept.
    await client.info();
    isSubmitted = true;
    if (stays) return;
    if (random.chance(0.5)) await stage.sleepABit();
    const isNoticed = random.chance(0.5);
    faults.closed.add(submitter.scope.name);
    if (random.chance(0.5)) {
      tell("the keeper closes");
      await client.close();
      submitter.scope.kill();
    } else {
      tell(`the keeper is gone for good${isNoticed ? "" : ", without a word"}`);
      cluster.crashClient(submitter, { noticed: isNoticed });
    }
  });

  for (const asker of stage.clients) {
    stage.run(asker, "what was kept", async (client) => {
      if (!(await stage.until(() => isSubmitted, submitting))) return;
      for (let times = 1 + random.below(4); times > 0; times -= 1) {
        const task = random.pick(tasks);
        await stage.sleep(random.next() * random.pick([50, graceMs, 10_000]));
        if (random.chance(0.1)) await cancel(client, task);
        else await ask(client, asker, task);
      }
    });
  }

  async function ask(client: Client, asker: SimulatedClient, task: Kept): Promise<void> {
    const { key, id } = task;
    const what = `kept ${id}`;
    const future = stage.hold(client.future(key));
    // Under its key at once: the same call, or another one.
    const kind = random.pick(["none", "none", "same", "other"]);
    const otherId = stage.newId();
    if (kind === "other") task.isTaken = true;
    const call =
      kind === "none"
        ? undefined
        : stage.hold(
            kind === "same" ? submit(client, task) : submit(client, { ...task, id: otherId }),
          );
    if (random.chance(0.2)) {
      future.release();
      // Its session may be over, and who waits is told so.
      if (call) await stage.failure(call.exception());
      return call?.release();
    }
    const { value, failed } = await stage.outcome(future.result(), asker);
    // Those that took the key are not known here by number.
    if (!failed && !task.isTaken) expectValue(value, id, what);
    else if (failed)
      stage.expect(mayFail(task, failed), `${what}: ${failed.code}: ${failed.message}`);
    if (call) {
      const own = await stage.outcome(call.result(), asker);
      const isOther = kind === "other";
      if (own.failed) {
        const isRefused = own.failed.code === "key-conflict" && (isOther || task.isTaken);
        const isRight = isRefused || mayFail(task, own.failed);
        stage.expect(isRight, `a call under the key of ${what}: ${String(own.failed)}`);
      } else expectValue(own.value, isOther ? otherId : id, `a call under the key of ${what}`);
      // While this client has the task, no other call can have its key.
      const isHeld = !failed && future.status === "finished" && !task.isTaken;
      if (isOther && isHeld && stage.isSure(asker) && !stage.restarted) {
        stage.expect(own.failed !== undefined, `another call took the key of ${what}`);
      }
      call.release();
    }
    future.release();
  }

  async function cancel(client: Client, task: Kept): Promise<void> {
    task.isCancelled = true;
    const future = stage.hold(client.future(task.key));
    client.cancel(future, { force: true, reason: "not to be kept" });
    future.release();
    await client.info();
  }

  /** Whether something accounts for it that the value was not there. */
  function mayFail(task: Kept, { code }: Failed): boolean {
    if (code === "task-cancelled") return task.isCancelled;
    if (code === "worker-lost") return stage.isWornOut();
    if (code !== "lost-data") return false;
    // Cancelled, and then another call under its key; or its time is over.
    return time.now >= task.submittedAt + task.keepMs || task.isCancelled;
  }

  function expectValue(value: unknown, id: number, what: string): void {
    const { sum = value } = value as { sum?: unknown };
    stage.expectValue(sum, valueOf(id, 1), what);
  }

  function submit(client: Client, { key, id, ms, isBig }: Kept, more: { keepMs?: number } = {}) {
    const caller = client.with({ key, ...more });
    return isBig ? caller.submit("big", id, 1, ms, 3_000) : caller.submit("slow", id, 1, ms);
  }
}
