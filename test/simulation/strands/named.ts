// Calls that are named by what they compute, and calls under keys of their own.

import type { Client } from "../../../client/client.ts";
import { valueOf } from "../functions.ts";
import type { Program, Stage } from "./stage.ts";

/** The same calls by several clients: one task each while somebody holds it. */
export function pureCalls(stage: Stage): void {
  const { random } = stage;
  const { book } = stage.options;
  const calls = random.several(1, 3, () => ({
    id: stage.newId(),
    number: random.below(1_000),
    ms: 1 + random.next() * 50,
    made: 0,
  }));
  const isHeldThroughout = random.chance(0.5);
  /** Programs that do not have their value yet: a client may stand still for long before it calls. */
  const waiting = new Set<Program>();
  for (const client of stage.clients) {
    for (let times = 1 + random.below(3); times > 0; times -= 1) {
      const program = stage.run(client, "a pure call", async (connected) => {
        await stage.sleepABit();
        const call = random.pick(calls);
        call.made += 1;
        const { id, number, ms } = call;
        const future = stage.hold(connected.with({ pure: true }).submit("slow", id, number, ms));
        const value = await future.result();
        stage.expectValue(value, valueOf(id, number), `pure call ${id}`);
        waiting.delete(program);
        if (isHeldThroughout) {
          while ([...waiting].some((other) => stage.goesOn(other))) await stage.sleep(50);
        } else if (random.chance(0.5)) await stage.sleepABit();
        future.release();
      });
      waiting.add(program);
    }
  }
  stage.checks.push(() => {
    // What its holder let go of too early, by the loss of its client, may be computed anew.
    if (stage.mayRunAgain || !stage.clients.every((client) => stage.isSure(client))) return;
    for (const { id, made } of calls) {
      const times = book.begun.get(id) ?? 0;
      const most = isHeldThroughout ? 1 : made;
      stage.expect(times <= most, `pure call ${id}, made ${made} times, ran ${times} times`);
    }
  });
}

/** A key is one call's as long as somebody holds it, and free at once after that. */
export function ownKeys(stage: Stage): void {
  const { random } = stage;
  const { book } = stage.options;
  const ids = [stage.newId(), stage.newId(), stage.newId()] as const;
  const one = random.pick(stage.clients);
  const other = random.pick(stage.clients);
  const areSure = () => stage.isSure(one) && stage.isSure(other) && !stage.restarted;
  const submit = (client: Client, id: number, number: number) =>
    stage.hold(client.with({ key: "a key" }).submit("slow", id, number, 20));
  let isOthersTurn = false;
  let isDone = false;

  const ones = stage.run(one, "a key", async (client) => {
    await stage.sleepABit();
    const first = submit(client, ids[0], 1);
    stage.expectValue(await first.result(), valueOf(ids[0], 1), "what has the key");
    isOthersTurn = true;
    if (!(await stage.until(() => isDone, others))) return first.release();
    if (random.chance(0.5)) {
      const again = submit(client, ids[0], 1);
      first.release();
      stage.expectValue(await again.result(), valueOf(ids[0], 1), "what has the key still");
      again.release();
    } else first.release();
    // At once: no answer of the scheduler's lies between.
    const next = submit(client, ids[1], 2);
    if (random.chance(0.3)) {
      next.cancel("no more");
      const last = submit(client, ids[2], 3);
      stage.expectValue(await last.result(), valueOf(ids[2], 3), "what has a cancelled task's key");
      last.release();
    } else stage.expectValue(await next.result(), valueOf(ids[1], 2), "what has the key next");
    next.release();
  });

  const others = stage.run(other, "the key of another", async (client) => {
    if (!(await stage.until(() => isOthersTurn, ones))) return;
    const wrong = submit(client, ids[0], 2);
    const failure = await stage.failure(wrong.result());
    wrong.release();
    const isRefused = failure === "key-conflict" || !areSure();
    stage.expect(isRefused, `another call under a key in use: ${String(failure)}`);
    const times = book.begun.get(ids[0]) ?? 0;
    const right = submit(client, ids[0], 1);
    const again = await stage.failure(right.result());
    right.release();
    stage.expect(again === undefined || !areSure(), `the same call was refused: ${again}`);
    const isOnce = (book.begun.get(ids[0]) ?? 0) === times;
    stage.expect(isOnce || stage.mayRunAgain || !areSure(), "the same call ran twice");
    // Answered, so that the release is known.
    await client.info();
    isDone = true;
  });
}
