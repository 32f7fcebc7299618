// Results under a name: for every client, and for longer than the one that published them.

import { valueOf } from "../functions.ts";
import type { Future } from "../../../client/future.ts";
import type { Stage } from "./stage.ts";

type Published = { future: Future; note: string };

export function published(stage: Stage): void {
  const { random } = stage;
  const { cluster, faults, graceMs, tell } = stage.options;
  const name = "a published result";
  const id = stage.newId();
  const isBig = random.chance(0.5);
  const publisher = cluster.startClient("client-publisher");
  const readers = stage.clients;
  let isPublished = false;
  let isUnpublished = false;
  /** The publisher may still give the name anew, by an override that was not answered yet. */
  let mayOverride = true;
  let reading = readers.length;

  const publishing = stage.run(publisher, "a publication", async (client) => {
    await stage.sleepABit();
    const ms = random.next() * 400;
    const future = stage.hold(
      isBig ? client.submit("big", id, 1, ms, 3_000) : client.submit("slow", id, 1, ms),
    );
    if (random.chance(0.5)) await future.exception();
    const note = "beside it";
    await client.publish(name, { future, note } satisfies Published);
    isPublished = true;
    future.release();
    const refused = await stage.failure(client.publish(name, 1));
    const isRefused = refused === "key-conflict" || isUnpublished || stage.restarted;
    stage.expect(isRefused || !stage.isSure(publisher), `a name in use was given: ${refused}`);
    if (random.chance(0.5)) {
      // The readers may have been done while the publisher stood still.
      const { value, failed } = await stage.outcome(client.published<Published>(name), publisher);
      if (failed) stage.expect(isUnpublished, `what was published: ${String(failed)}`);
      else {
        const again = value as Published;
        stage.hold(again.future);
        await client.publish(name, again, { override: true });
      }
    }
    mayOverride = false;
    await stage.sleepABit();
    const isNoticed = random.chance(0.5);
    faults.closed.add(publisher.scope.name);
    if (random.chance(0.3)) {
      tell("the publisher closes");
      await client.close();
      publisher.scope.kill();
    } else {
      tell(`the publisher is gone for good${isNoticed ? "" : ", without a word"}`);
      cluster.crashClient(publisher, { noticed: isNoticed });
    }
  });

  for (const reader of readers) {
    stage.run(reader, "what is published", async (client) => {
      try {
        if (!(await stage.until(() => isPublished, publishing))) return;
        await read();
        await stage.sleep(random.chance(0.3) ? 2 * graceMs + 1_000 : random.next() * graceMs);
        await read();
      } finally {
        reading -= 1;
      }
      if (reading > 0) return;
      isUnpublished = true;
      // The override may arrive after this, and be answered before the name is looked up.
      const mayBeAgain = mayOverride;
      await client.unpublish(name);
      const found = client.published<Published>(name);
      const failure = await stage.failure(found.then(({ future }) => future && stage.hold(future)));
      const isAgain = failure === undefined && (mayBeAgain || stage.restarted);
      const isRight = isAgain || failure === "lost-data" || !stage.isSure(reader);
      stage.expect(isRight, `what is unpublished was had: ${failure}`);

      async function read(): Promise<void> {
        if (isUnpublished) return;
        const { value, failed } = await stage.outcome(client.published<Published>(name), reader);
        if (failed) return stage.expect(isUnpublished, `what is published: ${String(failed)}`);
        const { future, note } = value as Published;
        // After a restart something else may have its name.
        if (stage.restarted) return future && void stage.hold(future);
        stage.hold(future);
        stage.expect(note === "beside it", "what was published beside it is wrong");
        const found = await stage.outcome(future.result(), reader);
        const isWorn = found.failed?.code === "worker-lost" && stage.isWornOut();
        if (isWorn) return future.release();
        stage.expect(!found.failed, `what was published: ${String(found.failed)}`);
        const { sum = found.value } = found.value as { sum?: unknown };
        stage.expectValue(sum, valueOf(id, 1), "a published result");
        future.release();
      }
    });
  }
  stage.cleanings.push(async (client) => {
    for (const left of await client.listPublished()) await client.unpublish(left);
  });
}
