// Queues, events and variables: items come out once, events wake everybody, and a variable goes on
// as its setter has it.

import type { Client } from "../../../client/client.ts";
import type { Future } from "../../../client/future.ts";
import type { SimulatedClient } from "../cluster.ts";
import { valueOf } from "../functions.ts";
import type { Failed, Program, Stage } from "./stage.ts";

type Item = { number: number; future?: Future };

/** For the task of an item. */
const idOf = (number: number) => 2_000_000 + number;

/** Every item comes out once at most, and once if nobody was lost that may have taken it. */
export function queued(stage: Stage): void {
  const { random } = stage;
  const { spanMs } = stage.options;
  const name = "a queue";
  const size = random.chance(0.5) ? 1 + random.below(3) : undefined;
  const queueOf = (client: Client) => client.queue<Item>(name, size);
  const put = new Set<number>();
  const unsure = new Set<number>();
  /** By whom each came out. */
  const got = new Map<number, (SimulatedClient | undefined)[]>();
  let numbers = 0;
  const putters: Program[] = [];
  for (const owner of stage.clients) {
    const putter = stage.run(owner, "what puts", async (client) => {
      for (let left = random.below(6); left > 0; left -= 1) {
        await stage.sleep((random.next() * spanMs) / 4);
        await putOne(client);
      }
    });
    putters.push(putter);
    if (random.chance(0.7)) {
      stage.run(owner, "what gets", async (client) => {
        while (putters.some((each) => stage.goesOn(each))) {
          const most = random.chance(0.3) ? 3 : 1;
          const timeoutMs = 1 + random.below(500);
          const batch = await queueOf(client)
            .getBatch(most, { timeoutMs })
            .catch((error: Failed) => {
              if (error.code !== "timeout") throw error;
              return [];
            });
          // All of them came out, whatever becomes of the first.
          for (const { number, future } of batch) {
            take(number, owner);
            if (future) stage.hold(future);
          }
          for (const item of batch) await receive(item, owner);
        }
      });
    }
  }
  stage.cleanings.push(async (client) => {
    for (;;) {
      const [item] = await queueOf(client)
        .getBatch(1, { timeoutMs: 0 })
        .catch(() => []);
      if (item === undefined) {
        // A client that had given up waiting may have been handed some all the same, and returns them late.
        if (!areHandedOut()) break;
        await stage.sleep(50);
        continue;
      }
      take(item.number, undefined);
      item.future?.release();
    }
    for (const [number, by] of got) {
      const isKnown = put.has(number) || unsure.has(number);
      // One that is lost may not have said that it has it.
      const isOnce = by.filter((each) => each === undefined || stage.isSure(each)).length <= 1;
      const once = by.length === 1 || (isOnce && by.some((each) => each && !stage.isSure(each)));
      stage.expect(isKnown && once, `item ${number} came out ${by.length} times`);
    }
    if (!stage.clients.every((each) => stage.isSure(each))) return;
    for (const number of put) stage.expect(got.has(number), `item ${number} never came out`);
  });

  function areHandedOut(): boolean {
    const thing = stage.options.cluster.state?.coordination.things.get(`queue ${name}`);
    return thing?.kind === "queue" && thing.handed > 0;
  }

  async function putOne(client: Client): Promise<void> {
    const number = (numbers += 1);
    const id = idOf(number);
    const future = random.chance(0.4)
      ? stage.hold(client.submit("slow", id, number, 5))
      : undefined;
    // Nobody may be there who makes room.
    const isPatient = size === undefined && random.chance(0.5);
    const timeoutMs = isPatient ? undefined : random.below(random.pick([50, 2_000]));
    unsure.add(number);
    try {
      await queueOf(client).put({ number, ...(future && { future }) }, { timeoutMs });
      put.add(number);
    } catch (error) {
      if ((error as Failed).code !== "timeout") throw error;
      // It is not in the queue, or it would have been put.
      unsure.delete(number);
    }
    future?.release();
  }

  async function receive({ number, future }: Item, owner: SimulatedClient): Promise<void> {
    if (future === undefined) return;
    const { value, failed } = await stage.outcome(future.result(), owner);
    future.release();
    const id = idOf(number);
    const isWorn = failed?.code === "worker-lost" && stage.isWornOut();
    if (failed) stage.expect(isWorn, `a future in a queue: ${String(failed)}`);
    else stage.expectValue(value, valueOf(id, number), "a future in a queue");
  }

  function take(number: number, by: SimulatedClient | undefined): void {
    const all = got.get(number) ?? [];
    got.set(number, [...all, by]);
  }
}

/** What a client says may wait so long for another one, whose futures it uses. */
const waitsForOthersMs = 12_000;

/** Everybody who waits goes on when it is set, and whoever comes later does not wait. */
export function awaited(stage: Stage): void {
  const { random } = stage;
  const name = "an event";
  const setter = random.pick(stage.clients);
  const { time } = stage.options;
  let setAt = Infinity;
  const setting = stage.run(setter, "what sets the event", async (client) => {
    await stage.sleepABit();
    await client.event(name).set();
    setAt = time.now;
    stage.expect(await client.event(name).isSet(), "an event that was set is not");
  });
  for (const waiter of stage.clients) {
    stage.run(waiter, "what waits for the event", async (client) => {
      await stage.sleepABit();
      for (;;) {
        const setForMs = time.now - setAt;
        const timeoutMs = 1_000 + random.below(5_000);
        const failure = await stage.failure(client.event(name).wait({ timeoutMs }));
        if (failure === undefined) return;
        if (failure !== "timeout")
          return stage.expect(!stage.isSure(waiter), `an event: ${failure}`);
        const isHeard = setForMs > (stage.isPrompt ? 0 : waitsForOthersMs);
        if (isHeard && stage.isSure(waiter))
          stage.options.problem("an event that was set was waited for");
        // A scheduler that was lost took what was set with it, and its clients went on with the next.
        if (!stage.goesOn(setting) && !(setAt < Infinity && stage.isSure(waiter))) return;
      }
    });
  }
  stage.cleanings.push((client) => client.event(name).clear());
}

/** Everybody sees its values in the order in which they were set. */
export function varied(stage: Stage): void {
  const { random } = stage;
  const name = "a variable";
  const setter = random.pick(stage.clients);
  let set = 0;
  const setting = stage.run(setter, "what sets the variable", async (client) => {
    for (let value = 1 + random.below(5); value > 0; value -= 1) {
      await stage.sleep((random.next() * stage.options.spanMs) / 4);
      set += 1;
      await client.variable<number>(name).set(set);
    }
  });
  for (const reader of stage.clients) {
    stage.run(reader, "what reads the variable", async (client) => {
      let seen = 0;
      while (stage.goesOn(setting)) {
        await stage.sleep(10 + random.next() * 100);
        const timeoutMs = 500;
        const value = await client
          .variable<number>(name)
          .get({ timeoutMs })
          .catch((error: Failed) => {
            if (error.code !== "timeout") throw error;
            return seen;
          });
        stage.expect(value >= seen && value <= set, `a variable went from ${seen} to ${value}`);
        seen = value;
      }
    });
  }
  stage.cleanings.push((client) => client.variable(name).delete());
}
