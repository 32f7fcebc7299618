// What the compiler lets through and what it refuses: `tsc` reads this file, and an expected error
// that does not come is an error itself. Running it checks that the same calls work.

import { describe, expectTypeOf, test } from "vitest";
import type { Client } from "../../client/client.ts";
import type { Future } from "../../client/future.ts";
import { FakeScheduler } from "./fake-scheduler.ts";
import * as tasks from "./tasks.ts";

type Tasks = typeof import("./tasks.ts");
const typed = (): Client<Tasks> => new FakeScheduler().client<Tasks>();
const untyped = (): Client => new FakeScheduler().client();

/** Compiled, never called. */
const compiles = (_: () => unknown): void => undefined;

describe("a client that knows the type of a module", () => {
  const client = typed();

  test("gives futures of what the functions return", () => {
    expectTypeOf(client.submit("add", 1, 10)).toEqualTypeOf<Future<number>>();
    expectTypeOf(client.submit("later", "x")).toEqualTypeOf<Future<string>>();
    expectTypeOf(client.submit("tick")).toEqualTypeOf<Future<Date>>();
    expectTypeOf(client.submit("isEven", 1)).toEqualTypeOf<Future<boolean>>();
    expectTypeOf(client.map("add", [1], [2])).toEqualTypeOf<Future<number>[]>();
    expectTypeOf(client.with({ priority: 1 }).submit("add", 1, 2)).toEqualTypeOf<Future<number>>();
    expectTypeOf<ReturnType<Future<string>["result"]>>().toEqualTypeOf<Promise<string>>();
  });

  test("refuses a wrong name", () => {
    // @ts-expect-error there is no such function
    compiles(() => client.submit("ad", 1, 10));
    // @ts-expect-error there is no such function
    compiles(() => client.map("ad", [1], [10]));
    // @ts-expect-error it is not a function
    compiles(() => client.submit("limit"));
    // @ts-expect-error options do not lift the check
    compiles(() => client.with({ retries: 1 }).submit("ad", 1, 10));
  });

  test("refuses wrong arguments", () => {
    // @ts-expect-error a string is not a number
    compiles(() => client.submit("add", 1, "10"));
    // @ts-expect-error one is missing
    compiles(() => client.submit("add", 1));
    // @ts-expect-error one is too many
    compiles(() => client.submit("add", 1, 2, 3));
    // @ts-expect-error a future of a string is not a number
    compiles(() => client.submit("add", 1, client.submit("later", "x")));
    // @ts-expect-error an object without its height
    compiles(() => client.submit("area", { width: 1 }));
    // @ts-expect-error a misspelt property
    compiles(() => client.submit("area", { width: 1, height: 1, nam: "x" }));
    // @ts-expect-error a future of the wrong type, deep inside
    compiles(() => client.submit("longest", ["a", client.submit("add", 1, 2)]));
    // @ts-expect-error a column of strings for a column of numbers
    compiles(() => client.map("add", [1], ["10"]));
    // @ts-expect-error a value where a column is due
    compiles(() => client.map("add", 1, 10));
    // @ts-expect-error one column is missing
    compiles(() => client.map("add", [1]));
  });

  test("refuses a wrong use of a result", () => {
    const sum = client.submit("add", 1, 10);
    // @ts-expect-error a number is not a string
    compiles(async (): Promise<string> => sum.result());
    // @ts-expect-error a future is not its value
    compiles((): number => sum);
    // @ts-expect-error nor a future of something else
    compiles((): Future<string> => sum);
    // @ts-expect-error a future is not thenable
    compiles(() => sum.then(() => undefined));
    expectTypeOf<Awaited<typeof sum>>().toEqualTypeOf<Future<number>>();
  });

  test("takes a future wherever its value may stand", () => {
    const sum = client.submit("add", 1, 10);
    const word = client.submit("later", "x");
    const even = client.submit("isEven", 2);
    client.submit("add", sum, 10);
    client.submit("add", sum, sum);
    client.submit("not", even);
    client.submit("not", true);
    client.submit("either", sum);
    client.submit("either", word);
    client.submit("longest", ["a", word]);
    client.submit("longest", client.submit("identity", ["a"]) as Future<string[]>);
    client.submit("area", { width: sum, height: 2, name: word });
    client.submit("counts", new Map([["a", sum]]), new Set([word, "b"]));
    client.submit("counts", new Map([[word, sum]]), new Set(["b"]));
    client.submit("depth", { value: sum, children: [{ value: 1, children: [] }] });
    client.map("add", [sum, 1], [2, sum]);
    client.map("add", [1, 2], client.map("add", [1, 2], [3, 4]));
    client.submit("identity", { anything: [sum, word] });
  });

  test("takes optional, rest and overloaded parameters as they are", () => {
    client.submit("greet", "Ada");
    client.submit("greet", "Ada", "Good day");
    client.map("greet", ["Ada", "Alan"]);
    client.submit("total");
    client.submit("total", 1, 2, client.submit("add", 1, 2));
    client.map("total", [1], [2], [3]);
    // @ts-expect-error every one of the rest must be a number
    compiles(() => client.submit("total", 1, "2"));
    // The first overload that fits, as everywhere in the language.
    expectTypeOf(client.submit("parse", "ff")).toEqualTypeOf<Future<number>>();
    expectTypeOf(client.submit("parse", "ff", 16)).toEqualTypeOf<Future<bigint>>();
    expectTypeOf(client.submit("identity", 1)).toEqualTypeOf<Future<unknown>>();
  });

  test("takes arrays, Sets and generators as columns", () => {
    function* numbers(): Generator<number> {
      yield 1;
    }
    client.map("add", new Set([1, 2]), numbers());
    client.map("add", [1, 2] as const, new Map([["a", 1]]).values());
  });

  test("knows functions that are not in the module by their own types", () => {
    const local = (text: string): number => text.length;
    expectTypeOf(client.submit(local, "x")).toEqualTypeOf<Future<number>>();
  });
});

describe("a function passed itself", () => {
  const client = untyped();

  test("is typed with no type argument", () => {
    expectTypeOf(client.submit(tasks.add, 1, 10)).toEqualTypeOf<Future<number>>();
    expectTypeOf(client.map(tasks.later, ["x"])).toEqualTypeOf<Future<string>[]>();
    client.submit(tasks.add, client.submit(tasks.add, 1, 2), 3);
    // @ts-expect-error a string is not a number
    compiles(() => client.submit(tasks.add, 1, "10"));
    // @ts-expect-error one is missing
    compiles(() => client.map(tasks.add, [1]));
  });
});

describe("a client that knows no types", () => {
  const client = untyped();

  test("takes any name and any arguments, and knows nothing of results", () => {
    expectTypeOf(client.submit("anything", 1, "two", { three: [3] })).toEqualTypeOf<Future>();
    expectTypeOf(client.map("anything", [1], new Set(["a"]))).toEqualTypeOf<Future[]>();
    // @ts-expect-error still, a number is no name
    compiles(() => client.submit(1));
  });
});

describe("modules under names of their own", () => {
  test("are typed by what the user says they are", () => {
    type Named = Tasks & { "stats.mean": (values: number[]) => number };
    const client = new FakeScheduler().client<Named>();
    expectTypeOf(client.submit("stats.mean", [1, 2])).toEqualTypeOf<Future<number>>();
    expectTypeOf(client.submit("add", 1, 2)).toEqualTypeOf<Future<number>>();
    // @ts-expect-error not under its bare name
    compiles(() => client.submit("mean", [1, 2]));
  });
});

describe("gather", () => {
  const client = typed();
  const sum = client.submit("add", 1, 10);
  const word = client.submit("later", "x");

  test("gives the values in the shape that held the futures", () => {
    compiles(() => {
      expectTypeOf(client.gather(sum)).toEqualTypeOf<Promise<number>>();
      expectTypeOf(client.gather([sum, word])).toEqualTypeOf<Promise<[number, string]>>();
      expectTypeOf(client.gather(client.map("add", [1], [2]))).toEqualTypeOf<Promise<number[]>>();
      expectTypeOf(client.gather({ sum, list: [word], not: new Date() })).toEqualTypeOf<
        Promise<{ sum: number; list: [string]; not: Date }>
      >();
      expectTypeOf(client.gather(new Map([["a", sum]]))).toEqualTypeOf<
        Promise<Map<string, number>>
      >();
      expectTypeOf(client.gather(new Set([word]))).toEqualTypeOf<Promise<Set<string>>>();
      expectTypeOf(client.gather([sum, word], { errors: "skip" })).toEqualTypeOf<
        Promise<(string | number)[]>
      >();
      // @ts-expect-error there is no such choice
      void client.gather([sum], { errors: "ignore" });
    });
  });

  test("wait gives the futures back with their types", () => {
    compiles(() => {
      expectTypeOf(client.wait([sum])).toEqualTypeOf<
        Promise<{ done: Future<number>[]; notDone: Future<number>[] }>
      >();
      // @ts-expect-error values are not futures
      void client.wait([1, 2]);
    });
  });
});

describe("options", () => {
  test("are known by name and type", () => {
    const client = typed();
    // @ts-expect-error there is no such option
    compiles(() => client.with({ priorty: 1 }));
    // @ts-expect-error not by words
    compiles(() => client.with({ timeoutMs: "10s" }));
    client.with({
      key: "a",
      startAt: new Date(),
      retries: { max: 3, factor: 2 },
      resources: { gpu: 1 },
      rateLimit: { count: 10, perMs: 1_000 },
    });
    // @ts-expect-error a rate is of a time
    compiles(() => client.with({ rateLimit: { count: 10 } }));
  });
});

test("a schedule has a cron expression or an interval", () => {
  compiles(() => {
    const client = typed();
    void client.schedule("a", { cron: "@daily", timezone: "UTC" }, "add", 1, 2);
    void client.schedule("a", { everyMs: 1_000, overlap: "skip" }, "add", 1, 2);
    // @ts-expect-error neither says when
    void client.schedule("a", { overlap: "skip" }, "add", 1, 2);
    // @ts-expect-error both
    void client.schedule("a", { cron: "@daily", everyMs: 1_000 }, "add", 1, 2);
    // @ts-expect-error an interval has no time zone
    void client.schedule("a", { everyMs: 1_000, timezone: "UTC" }, "add", 1, 2);
  });
});

describe("a whole cluster", () => {
  const client = typed();

  test("run gives what the function returns, by worker", () => {
    compiles(() => {
      expectTypeOf(client.run("later", "x")).toEqualTypeOf<Promise<Record<string, string>>>();
      expectTypeOf(client.run(tasks.add, 1, client.submit("add", 1, 2))).toEqualTypeOf<
        Promise<Record<string, number>>
      >();
      expectTypeOf(untyped().run("f")).toEqualTypeOf<Promise<Record<string, unknown>>>();
      // @ts-expect-error there is no such function
      void client.run("ad", 1, 2);
      // @ts-expect-error a string is not a number
      void client.run("add", 1, "2");
    });
  });

  test("a future by its key gives what it is said to be, and may be an argument", () => {
    compiles(() => {
      expectTypeOf(client.future<number>("k")).toEqualTypeOf<Future<number>>();
      expectTypeOf(client.future("k")).toEqualTypeOf<Future>();
      void client.submit("add", client.future<number>("k"), 2);
      // @ts-expect-error a string is not a number
      void client.submit("add", client.future<string>("k"), 2);
      // @ts-expect-error there is no such state
      void client.tasks({ state: "over" });
    });
  });

  test("published gives what it is said to be", () => {
    type Model = { weights: Future<number[]> };
    compiles(() => {
      expectTypeOf(client.published<Model>("m")).toEqualTypeOf<Promise<Model>>();
      expectTypeOf(client.published("m")).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(client.publish("m", [1])).toEqualTypeOf<Promise<void>>();
      expectTypeOf(client.listPublished()).toEqualTypeOf<Promise<string[]>>();
    });
  });
});

describe("asCompleted", () => {
  const client = typed();
  const sums = client.map("add", [1], [2]);
  const word = client.submit("later", "x");

  test("yields futures of the types it was given, and takes more of them", () => {
    const results = client.asCompleted(sums);
    compiles(async () => {
      for await (const future of results) expectTypeOf(future).toEqualTypeOf<Future<number>>();
    });
    results.add(client.submit("add", 1, 2), ...sums);
    // @ts-expect-error a future of a string among those of numbers
    compiles(() => results.add(word));
    const mixed = client.asCompleted([...sums, word]);
    compiles(async () => {
      for await (const future of mixed) {
        expectTypeOf(future).toEqualTypeOf<Future<number> | Future<string>>();
      }
    });
    // @ts-expect-error values are not futures
    compiles(() => client.asCompleted([1, 2]));
    expectTypeOf(client.asCompleted<Future<Date>>([]).count).toEqualTypeOf<number>();
  });
});
