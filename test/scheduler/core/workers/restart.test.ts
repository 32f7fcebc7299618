// Stories of starting over: what becomes of the tasks, who hears of it, and when it is done.

import { describe, expect, test } from "vitest";
import { cancel, cancelled, finished, run, Story } from "../story.ts";

function stage() {
  const story = new Story({ maxAhead: 0 });
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  const [w1, w2] = [story.worker("w1"), story.worker("w2", { functions: ["g"] })];
  w1.join();
  w2.join();
  return { story, ann, bob, w1, w2 };
}

const why = "client bob restarted everything";
const log = ["client bob restarts all workers and cancels all tasks"];

describe("a restart", () => {
  test("cancels the futures of all clients with the reason, and frees what there is", () => {
    const { story, ann, bob, w1, w2 } = stage();
    ann.submit("f", { done: [], runs: [], waits: ["runs"] });
    ann.submit("f", ["ready"]);
    ann.submit("f", ["apart"]);
    ann.detach("apart");
    bob.submit("f", ["runs"]);
    w1.finish("done");
    ann.publish("model", "~", ["done", "waits"]);

    const done = bob.restart();
    expect(done["log"]).toEqual(log);
    expect(done["w1"]).toEqual([cancel("runs", why), { type: "restart" }]);
    expect(done["w2"]).toEqual([{ type: "restart" }]);
    expect(done["bob"]).toEqual([cancelled(["runs"], why)]);
    const [message, ...others] = done["ann"]!;
    expect(others).toEqual([]);
    const keys = (message as { keys: string[] }).keys.toSorted();
    expect({ ...(message as object), keys }).toEqual(
      cancelled(["apart", "done", "ready", "runs", "waits"], why),
    );
    expect(story.state.tasks.size).toBe(0);
    expect(ann.info().published).toEqual([]);

    expect(w2.restarted()).toEqual({});
    w1.stopped("runs");
    expect(w1.restarted()).toEqual({
      bob: [{ type: "answer", id: 1, to: "restart", result: null }],
    });
    expect(ann.submit("f", ["fresh"])).toEqual({ w1: [run("fresh")] });
    expect(w1.finish("fresh")).toEqual({ ann: [finished("fresh")] });
  });

  test("is done at once when there is no worker, and does not wait for one that is lost", () => {
    const alone = new Story();
    expect(alone.client("bob").restart()).toEqual({
      bob: [{ type: "answer", id: 1, to: "restart", result: null }],
      log,
    });

    const { bob, w1, w2 } = stage();
    bob.restart();
    w1.restarted();
    expect(w2.lost()).toMatchObject({
      bob: [{ type: "answer", id: 1, to: "restart", result: null }],
    });
  });

  test("may follow another one, and whoever asked may be gone when it is done", () => {
    const { story, ann, bob, w1, w2 } = stage();
    bob.restart();
    ann.restart("again");
    bob.leave();
    for (const worker of [w1, w2]) expect(worker.restarted()).toEqual({});
    w1.restarted();
    expect(w2.restarted()).toEqual({
      ann: [{ type: "answer", id: 1, to: "restart", result: null }],
    });
    expect(w2.restarted()).toEqual({});
    expect(story.state.restarts.size).toBe(0);
  });

  test("cancels what a client is being told of", () => {
    const { ann, bob } = stage();
    ann.submit("g", ["a"]);
    ann.publish("model", "~", ["a"]);
    expect(bob.published("model")).toMatchObject({
      bob: [{ result: { inputs: ["a"], offer: 0 } }],
    });
    expect(ann.restart("enough")["bob"]).toEqual([cancelled(["a"], "enough")]);
    expect(bob.take(0)).toEqual({});
  });
});

test("a shutdown cancels what is in flight for everybody, and ends the scheduler", () => {
  const { ann, bob, w1 } = stage();
  ann.submit("f", ["a", "b"]);
  w1.finish("a");
  const words = "client bob shut the scheduler down: the night is over";
  expect(bob.shutdown("the night is over")).toEqual({
    ann: [cancelled(["b", "a"], words)],
    w1: [cancel("b", words)],
    stop: [words],
  });
});
