// The client as a whole: connecting, losing the link, closing, asking, and forgotten handles.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Client } from "../../client/client.ts";
import {
  ConnectionError,
  LostDataError,
  TaskCancelledError,
  TimeoutError,
  UnschedulableError,
} from "../../src/errors/errors.ts";
import type { SchedulerInfo } from "../../src/wire/facts.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("connect", () => {
  test("without a target says how to give one", async () => {
    vi.stubEnv("THENCE_ADDRESS", undefined);
    vi.stubEnv("THENCE_SCHEDULER_FILE", undefined);
    await expect(Client.connect()).rejects.toThrow(ConnectionError);
    await expect(Client.connect()).rejects.toThrow(/THENCE_ADDRESS or THENCE_SCHEDULER_FILE/);
  });

  test("refuses an address that is no WebSocket's", async () => {
    await expect(Client.connect("http://localhost:1")).rejects.toThrow(/ws:\/\/host:port/);
  });

  test("gives up after its timeout when nobody answers", async () => {
    const connecting = Client.connect("ws://127.0.0.1:9", { timeoutMs: 50, token: "t" });
    await expect(connecting).rejects.toThrow(ConnectionError);
  });

  test("refuses a timeout that is none", async () => {
    await expect(Client.connect("ws://127.0.0.1:9", { timeoutMs: -1 })).rejects.toThrow(RangeError);
  });
});

describe("a link that drops", () => {
  test("fails nothing: what is sent meanwhile waits", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const before = client.submit("f", 1);
    scheduler.session.events.down("ECONNRESET");
    const meanwhile = client.submit("f", 2);
    scheduler.session.events.up();
    expect([before.status, meanwhile.status]).toEqual(["pending", "pending"]);
    scheduler.finish(before.key, 1);
    scheduler.finish(meanwhile.key, 2);
    expect(await client.gather([before, meanwhile])).toEqual([1, 2]);
  });

  test.each(["reset", "lost"] as const)(
    "for good (%s) fails what is open, and says so",
    async (how) => {
      const scheduler = new FakeScheduler();
      const client = scheduler.client();
      const [pending, finished, away, failed] = client.map("f", [1, 2, 3, 4]);
      scheduler.finish(finished!.key, 2);
      scheduler.say({ type: "stored", keys: [away!.key], bytes: [1e6], holders: [["w"]] });
      scheduler.fail(failed!.key);
      const waiting = pending!.result();
      const asking = client.info();
      if (how === "lost") scheduler.session.events.lost(new Error("no answer for 30 s"));
      else scheduler.session.events.reset({} as never);
      await expect(waiting).rejects.toThrow(ConnectionError);
      await expect(waiting).rejects.toThrow(/^submit again: /);
      await expect(asking).rejects.toThrow(ConnectionError);
      await expect(away!.result()).rejects.toThrow(ConnectionError);
      expect([pending, finished, away, failed].map((future) => future!.status)).toEqual([
        "lost",
        "finished",
        "lost",
        "error",
      ]);
      expect(await finished!.result()).toBe(2);
      expect(() => pending!.retry()).toThrow(/^submit it again: /);
      pending!.release();
      scheduler.flush();
      // What needs something that is lost is lost; the rest is for the next scheduler.
      const dependent = client.submit("f", [away]);
      await expect(dependent.result()).rejects.toThrow(ConnectionError);
      expect(dependent.status).toBe("lost");
      const [again, lost] = client.map("f", [5, pending === undefined ? 0 : away]);
      expect(lost!.status).toBe("lost");
      scheduler.session.events.up();
      expect(scheduler.submitted().at(-1)).toMatchObject({ key: again!.key, args: [5] });
      scheduler.finish(again!.key, 6);
      expect(await again!.result()).toBe(6);
      await client.close();
    },
  );
});

test("after a loss, what no scheduler comes for is lost once patience is over", async () => {
  const scheduler = new FakeScheduler("one", { patienceMs: 20 });
  const client = scheduler.client();
  scheduler.session.events.lost(new Error("no answer for 30 s"));
  const future = client.submit("f", 1);
  const asking = client.info();
  await expect(future.result()).rejects.toThrow(/^start a scheduler: .* no answer for 30 s$/);
  await expect(asking).rejects.toThrow(ConnectionError);
  expect(future.status).toBe("lost");
  // The next has its own patience.
  const next = client.submit("f", 2);
  expect(next.status).toBe("pending");
  await client.close();
});

describe("close", () => {
  test("cancels what is open and ends the link, after what was queued", async () => {
    const scheduler = new FakeScheduler();
    const order: string[] = [];
    const client = scheduler.client(async () => {
      await Promise.resolve();
      order.push(scheduler.closed ? "cluster after link" : "cluster before link");
    });
    const [pending, finished] = client.map("f", [1, 2]);
    scheduler.finish(finished!.key, "kept");
    const waiting = pending!.result();
    client.fireAndForget(pending!);
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await expect(waiting).rejects.toThrow(TaskCancelledError);
    await expect(waiting).rejects.toThrow(/its client was closed/);
    await closing;
    expect(order).toEqual(["cluster after link"]);
    expect(scheduler.heard.map(({ type }) => type)).toEqual(["submit", "detach"]);
    expect(await finished!.result()).toBe("kept");
    pending!.release();
    expect(scheduler.keysOf("release")).toEqual([]);
  });

  test("is what the end of an await using block does", async () => {
    const scheduler = new FakeScheduler();
    await scheduler.client()[Symbol.asyncDispose]();
    expect(scheduler.closed).toBe(true);
  });
});

describe("questions", () => {
  test("are answered by number, whatever the order", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const future = client.submit("f");
    const info = client.info();
    const explained = client.explain(future);
    const [first] = scheduler.all("info");
    const [second] = scheduler.all("explain");
    expect(second).toMatchObject({ key: future.key });
    scheduler.answer(second!, { why: "no worker has joined" });
    scheduler.answer(first!, { workers: 0 });
    expect(await info).toEqual({ workers: 0 });
    expect(await explained).toEqual({ why: "no worker has joined" });
  });

  test("may have no answer", async () => {
    const scheduler = new FakeScheduler();
    const explaining = scheduler.client().explain("unheard of");
    const failure = { code: "lost-data", message: "no task has that key" };
    scheduler.say({ type: "answer", id: scheduler.all("explain")[0]!.id, failure });
    await expect(explaining).rejects.toThrow(LostDataError);
  });
});

describe("waitForWorkers", () => {
  /** A scheduler that answers each question with so many workers, the last for ever. */
  function withWorkers(...counts: number[]) {
    return withInfo({}, ...counts);
  }

  function withInfo(info: Partial<SchedulerInfo>, ...counts: number[]) {
    const scheduler = new FakeScheduler();
    const { send } = scheduler.connection;
    scheduler.connection.send = (message) => {
      send(message);
      if (message.type === "info") {
        const gone = { worker: "w9", how: "it ran out of memory", at: 0 };
        setImmediate(() => scheduler.answer(message, { departures: [gone], ...info }));
        return;
      }
      const count = counts.length > 1 ? counts.shift()! : counts[0]!;
      const workers = Array.from({ length: count }, () => ({ status: "up" }));
      setImmediate(() => scheduler.answer(message, [...workers, { status: "leaving" }]));
    };
    return scheduler.client();
  }

  test("resolves once enough are there", async () => {
    await withWorkers(0, 1, 1, 2).waitForWorkers(2);
    await withWorkers(0).waitForWorkers(0);
  });

  test("gives up after its time limit, saying how many there were", async () => {
    const waiting = withWorkers(1).waitForWorkers(3, { timeoutMs: 30 });
    await expect(waiting).rejects.toThrow(TimeoutError);
    await expect(waiting).rejects.toThrow(/1 of 3 .* 30 ms; w9: it ran out of memory$/);
  });

  test("waits while there is none as long as a task would, and not at all when none comes", async () => {
    const waiting = withInfo({ workerTimeoutMs: 100 }, 0).waitForWorkers(1);
    await expect(waiting).rejects.toThrow(UnschedulableError);
    await expect(waiting).rejects.toThrow("none was there for 0.1 s; w9: it ran out of memory");
    const noWorkerComing = "its step has ended";
    const hopeless = withInfo({ noWorkerComing }, 0).waitForWorkers(1);
    await expect(hopeless).rejects.toThrow("start workers: its step has ended; w9:");
    await withInfo({ workerTimeoutMs: 1 }, 1, 1, 1, 2).waitForWorkers(2);
  });

  test("fails when the scheduler is lost, also between two of its questions", async () => {
    const scheduler = new FakeScheduler();
    const waiting = scheduler.client().waitForWorkers(1);
    scheduler.answer(scheduler.all("workers")[0]!, [{ status: "joining" }]);
    // It waits for its pause now, and asks nothing.
    await Promise.resolve();
    scheduler.session.events.lost(new Error("the scheduler was stopped"));
    await expect(waiting).rejects.toThrow("submit again: the scheduler was stopped");
    expect(scheduler.all("workers")).toHaveLength(1);
  });

  test("refuses a count that is none", async () => {
    await expect(withWorkers(1).waitForWorkers(-1)).rejects.toThrow(/count/);
  });
});

describe("handles that nobody released", () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;

  test("let their tasks go when they are collected, unless somebody waits", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const kept = client.submit("f", "kept");
    const awaited = client.submit("f", "awaited").result();
    const dropped = (() => client.map("f", [1, 2, 3]).map(({ key }) => key))();
    await vi.waitFor(() => {
      collectGarbage();
      expect(scheduler.keysOf("release").toSorted()).toEqual(dropped.toSorted());
    });
    const [, awaitedKey] = scheduler.keysOf("submit");
    scheduler.finish(awaitedKey!, "here");
    expect(await awaited).toBe("here");
    expect(kept.status).toBe("pending");
    await vi.waitFor(() => {
      collectGarbage();
      expect(scheduler.keysOf("release")).toContain(awaitedKey);
    });
  });

  test.each(["awaited", "never awaited", "cancelled", "cancelled and awaited", "closed"])(
    "are collected with their errors: %s",
    async (how) => {
      const scheduler = new FakeScheduler();
      const client = scheduler.client();
      /** As in a program: its objects are in the stacks of errors, and have the futures. */
      class Program {
        readonly future = client.submit("f", 1);
        cancel() {
          this.future.cancel();
        }
        async result(): Promise<unknown> {
          return this.future.result().catch(() => undefined);
        }
        async close(): Promise<void> {
          await client.close();
        }
      }
      const probe = await (async () => {
        const program = new Program();
        if (how === "closed") await program.close();
        else if (how.startsWith("cancelled")) program.cancel();
        else scheduler.fail(program.future.key);
        if (how.endsWith("awaited") && !how.startsWith("never")) await program.result();
        return new WeakRef(program.future);
      })();
      await vi.waitFor(() => {
        collectGarbage();
        expect(probe.deref() === undefined).toBe(true);
      });
    },
  );

  test("do not count twice when one was released and then collected", async () => {
    const scheduler = new FakeScheduler();
    const named = scheduler.client().with({ key: "k" });
    const kept = named.submit("f", 1);
    const probes = (() => {
      const released = named.submit("f", 1);
      released.release();
      return [new WeakRef(released)];
    })();
    await vi.waitFor(() => {
      collectGarbage();
      // Not of the future itself: a failed expectation would hold it.
      expect(probes[0]!.deref() === undefined).toBe(true);
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(scheduler.keysOf("release")).toEqual([]);
    expect(kept.status).toBe("pending");
  });
});
