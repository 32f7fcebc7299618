// The slips that everybody makes once: each is refused, in words that say what to write.

import { describe, expect, test } from "vitest";
import { Client } from "../../client/client.ts";
import { SerializationError, TaskError } from "../../src/errors/errors.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp() {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  return { scheduler, client, future: client.submit("f") };
}

describe("a promise where a future is meant", () => {
  const words = "give the futures themselves: there is a promise among them";

  test("is refused by all that take futures", async () => {
    const { scheduler, client, future } = setUp();
    const promises = [future.result()] as never[];
    await expect(client.gather(promises)).rejects.toThrow(words);
    await expect(client.gather({ deep: new Map([["x", promises]]) })).rejects.toThrow(words);
    await expect(client.wait(promises)).rejects.toThrow(words);
    expect(() => client.asCompleted(promises)).toThrow(words);
    expect(() => client.cancel(promises)).toThrow(words);
    scheduler.finish(future.key, 1);
  });

  test("is told from something else", async () => {
    const { client } = setUp();
    await expect(client.wait([null] as never[])).rejects.toThrow("there is null among them");
    await expect(client.wait(["key"] as never[])).rejects.toThrow("there is string among them");
  });
});

test("an option that does not exist is refused by every call that takes options", async () => {
  const { client, future } = setUp();
  const wrong = { timeout: 5 } as never;
  const words = (of: string, rest = '. Did you mean "timeoutMs"?') =>
    `"timeout" is not an option of ${of}${rest}`;
  const only = (name: string) => `, whose only option is "${name}"`;
  await expect(future.result(wrong)).rejects.toThrow(words("waiting"));
  await expect(future.exception(wrong)).rejects.toThrow(words("waiting"));
  await expect(client.gather([future], wrong)).rejects.toThrow(words("gather", only("errors")));
  await expect(client.wait([future], wrong)).rejects.toThrow(words("wait"));
  await expect(client.progress([future], wrong)).rejects.toThrow(words("progress", only("label")));
  await expect(client.scatter(1, wrong)).rejects.toThrow(words("scatter"));
  await expect(client.waitForWorkers(1, wrong)).rejects.toThrow(words("waitForWorkers"));
  await expect(client.restart(wrong)).rejects.toThrow(words("restart", only("reason")));
  const ofCancel = ', whose options are "reason", "force"';
  expect(() => client.cancel(future, wrong)).toThrow(words("cancel", ofCancel));
  await expect(Client.connect("s.json", wrong)).rejects.toThrow(words("connect"));
});

test("a slip in the only option is found out, and so is what is no object", async () => {
  const { client, future } = setUp();
  await expect(client.progress([future], { lable: "x" } as never)).rejects.toThrow(
    '"lable" is not an option of progress. Did you mean "label"?',
  );
  await expect(client.gather([future], "errors" as never)).rejects.toThrow(
    'the options of gather must be an object with "errors", not string',
  );
});

describe("connect", () => {
  test("does not take an address without its protocol for a file", async () => {
    await expect(Client.connect("127.0.0.1:9")).rejects.toThrow("write ws://127.0.0.1:9");
    await expect(Client.connect("node-1:8786")).rejects.toThrow("or ./node-1:8786 if that is a");
  });

  test("takes nothing but a text", async () => {
    await expect(Client.connect({ url: "ws://a:1" } as never)).rejects.toThrow(
      "give the address or the file as a string, not object",
    );
  });
});

describe("the stack of an error begins in the user's code", () => {
  test("when an argument cannot be sent, however deep it is", () => {
    const { client } = setUp();
    let value: unknown = () => 0;
    for (let depth = 0; depth < 20; depth += 1) value = [value];
    const theirs = () => client.submit("f", value);
    const error = thrownBy(theirs);
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.stack).toMatch(/at theirs .*slips\.test\.ts/);
  });

  test("when a task failed: where its result is awaited", async () => {
    const { scheduler, client, future } = setUp();
    const other = client.submit("g");
    const theirs = async () => {
      await future.result();
    };
    const gathering = async () => {
      await client.gather([other]);
    };
    const settling = Promise.allSettled([theirs(), gathering()]);
    for (const { key } of [future, other]) {
      scheduler.fail(key, { code: "task-failed", message: "it threw", key });
    }
    const [failed, gathered] = await settling;
    const { reason: error } = failed as { reason: unknown };
    expect(error).toBeInstanceOf(TaskError);
    expect((error as Error).stack).toMatch(/theirs .*slips\.test\.ts/);
    const { reason: second } = gathered as { reason: Error };
    expect(second.stack).toMatch(/gathering .*slips\.test\.ts/);
    // It is one error for all who await it, and stays as it was first seen.
    expect(await future.result().catch((error: unknown) => error)).toBe(error);
  });
});

function thrownBy(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it threw nothing");
}
