// Other ways to wait for the tasks of the graph: as they settle, for the first, for all.

import type { Failed, Stage } from "./stage.ts";

export function watched(stage: Stage): void {
  const { random } = stage;
  for (const owner of stage.clients) {
    stage.run(owner, "as they complete", async (client) => {
      await stage.sleepABit();
      const futures = some(stage.options.futuresOf(owner));
      const left = new Map(futures.map((future) => [future, 1]));
      const completed = client.asCompleted(futures);
      let isAdding = random.chance(0.5);
      for await (const future of completed) {
        const times = left.get(future) ?? 0;
        stage.expect(times > 0, `${future.key} was yielded twice`);
        left.set(future, times - 1);
        if (!isAdding) continue;
        isAdding = false;
        const more = some(stage.options.futuresOf(owner)).filter((each) => !left.has(each));
        for (const each of more) left.set(each, 1);
        completed.add(...more);
      }
      const missed = [...left.values()].some((times) => times > 0);
      stage.expect(!missed && completed.count === 0, "some futures were not yielded");
    });
    stage.run(owner, "waiting", async (client) => {
      await stage.sleepABit();
      const futures = some(stage.options.futuresOf(owner));
      if (futures.length === 0) return;
      const returnWhen = random.chance(0.5) ? "all" : "first";
      const timeoutMs = random.chance(0.5) ? random.below(500) : undefined;
      const found = await client
        .wait(futures, { returnWhen, ...(timeoutMs !== undefined && { timeoutMs }) })
        .catch((error: Failed) => error);
      if (found instanceof Error) {
        return stage.expect(found.code === "timeout" && timeoutMs !== undefined, String(found));
      }
      const { done, notDone } = found;
      stage.expect(done.length + notDone.length === futures.length, "some were lost in waiting");
      // Those that are tried again are not done any more.
      const isEnough = returnWhen === "all" ? notDone.length === 0 : done.length > 0;
      stage.expect(isEnough || stage.options.isRetried(), `waiting for ${returnWhen} ended early`);
    });
  }

  function some<Item>(items: readonly Item[]): Item[] {
    return items.filter(() => random.chance(0.5));
  }
}
