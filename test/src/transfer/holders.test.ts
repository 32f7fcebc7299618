// The holders of a value, asked one after the other, some of which do not answer.

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AuthenticationError, ConnectionError } from "../../../src/errors/errors.ts";
import { memorySocketPair } from "../link/socket-memory.ts";
import { Holders, type HoldersOptions } from "../../../src/transfer/holders.ts";
import type { Want } from "../../../src/transfer/messages.ts";
import { StalledError } from "../../../src/transfer/requester.ts";
import { respond } from "../../../src/transfer/responder.ts";
import { payloadSource } from "../../../src/transfer/shape.ts";
import { VirtualClock } from "../link/virtual-clock.ts";

const want: Want = { key: "a", order: 0, attempt: 1 };

/** At each address: a value, nothing, or the error of every attempt to connect. */
type Places = Record<string, string | undefined | Error>;

function stage(places: Places, options: Partial<HoldersOptions> = {}) {
  const clock = new VirtualClock();
  const dialled: string[] = [];
  const lacking: string[] = [];
  const holders = new Holders({
    token: () => "t",
    clock,
    open: async ({ url }) => {
      dialled.push(url);
      const place = places[url];
      if (place instanceof Error) throw place;
      const [here, there] = memorySocketPair();
      const find = () => (place === undefined ? undefined : payloadSource(place));
      respond(there, { find, take: () => Promise.resolve() });
      return here;
    },
    ...options,
  });
  const ask = (...addresses: string[]) =>
    holders.ask(addresses, (holder) => holder.fetch(want, 10), {
      lacks: (address) => lacking.push(address),
    });
  /** The addresses that the last question dialled. */
  const newlyDialled = () => dialled.splice(0);
  return { clock, holders, ask, lacking, newlyDialled };
}

const silent = new ConnectionError("no answer");

/** Lets virtual time pass until a promise has settled. */
async function runUntil<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  promise.then(settled, settled);
  for (;;) {
    // Promises go on before the next timer is due.
    await nextTurn();
    if (isSettled) return promise;
    clock.runFor(50);
  }
}

describe("holders", () => {
  test("are asked in turn until one gives the value", async () => {
    const { ask, lacking, newlyDialled } = stage({ a: silent, b: undefined, c: "1", d: "2" });
    expect(await ask("a", "b", "c", "d")).toBe("1");
    expect(newlyDialled()).toEqual(["a", "b", "c"]);
    expect(lacking).toEqual(["b"]);
  });

  test("that all fail make an error with the problem of each", async () => {
    const { ask } = stage({ a: silent, b: undefined });
    const error = await ask("a", "b").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toMatch(/^a: no answer; b: .*does not have/);
    await expect(ask()).rejects.toThrow("no holder is known");
  });

  test("that did not answer are passed over for a minute, and the fallback is asked", async () => {
    const { ask, clock, newlyDialled } = stage(
      { a: silent, relay: "1" },
      { fallback: () => "relay" },
    );
    expect(await ask("a")).toBe("1");
    expect(newlyDialled()).toEqual(["a", "relay"]);
    expect(await ask("a")).toBe("1");
    clock.runFor(59_000);
    expect(await ask("a")).toBe("1");
    expect(newlyDialled()).not.toContain("a");
    clock.runFor(1_000);
    expect(await ask("a")).toBe("1");
    expect(newlyDialled()).toContain("a");
  });

  test("of which none has ever answered are all passed over, for this machine is outside", async () => {
    const places: Places = { a: silent, b: silent, c: "2", relay: "1" };
    const { ask, clock, newlyDialled } = stage(places, {
      fallback: () => "relay",
      outsideAfter: 1,
    });
    expect(await ask("a", "b")).toBe("1");
    expect(newlyDialled()).toEqual(["a", "relay"]);
    expect(await ask("c")).toBe("1");
    expect(newlyDialled()).toEqual([]);
    clock.runFor(60_000);
    expect(await ask("c")).toBe("2");
    // One has answered: the others are passed over one by one.
    expect(await ask("a")).toBe("1");
    places["b"] = "3";
    expect(await ask("b")).toBe("3");
  });

  test("that did not answer are asked last when there is no fallback", async () => {
    const places: Places = { a: silent, b: "1" };
    const { ask, newlyDialled } = stage(places);
    expect(await ask("a", "b")).toBe("1");
    expect(newlyDialled()).toEqual(["a", "b"]);
    expect(await ask("a", "b")).toBe("1");
    expect(newlyDialled()).toEqual([]);
    places["a"] = "2";
    expect(await ask("a")).toBe("2");
    expect(newlyDialled()).toEqual(["a"]);
  });

  test("that cost a timeout cost it once when there is no fallback, and are asked as soon as they are back", async () => {
    const { holders, clock } = stage({});
    let isBack = false;
    let dialled = 0;
    const slow = new Holders({
      token: () => "t",
      clock,
      open: async () => {
        dialled += 1;
        if (isBack) return memorySocketPair()[0];
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 5_000));
        throw silent;
      },
    });
    const fetch = async () => {
      const startedAt = clock.now();
      const asking = slow.ask(["a"], async () => "here").catch((error: Error) => error.message);
      const answer = await runUntil(clock, asking);
      return { answer, tookMs: clock.now() - startedAt };
    };
    expect(await fetch()).toEqual({ answer: "a: no answer", tookMs: 5_000 });
    for (let times = 0; times < 19; times += 1) {
      const { answer, tookMs } = await fetch();
      expect(answer).toBe("a: no answer");
      expect(tookMs).toBeLessThanOrEqual(100);
    }
    // One attempt at a time is under way, in the background.
    expect(dialled).toBe(2);
    isBack = true;
    clock.runFor(5_000);
    await runUntil(clock, Promise.resolve());
    expect(await fetch()).toEqual({ answer: "here", tookMs: 0 });
    holders.close();
  });

  test("that stood still are passed over like those that did not answer", async () => {
    const places: Places = { a: "1", relay: "2" };
    for (const fallback of [() => "relay", undefined]) {
      const { holders, clock } = stage(places, { ...(fallback && { fallback }) });
      const asked: string[] = [];
      const ask = () =>
        holders.ask(["a"], async (_, address) => {
          asked.push(address);
          if (address === "a") throw new StalledError("nothing arrived for 15 s");
          return "2";
        });
      const outcome = () => ask().catch((error: Error) => error.message);
      const expected = fallback ? "2" : "a: nothing arrived for 15 s";
      for (let times = 0; times < 20; times += 1) expect(await outcome()).toBe(expected);
      expect(asked.filter((address) => address === "a")).toHaveLength(1);
      clock.runFor(60_000);
      expect(await outcome()).toBe(expected);
      expect(asked.filter((address) => address === "a")).toHaveLength(2);
    }
  });

  test("that refuse the token are asked again with the next", async () => {
    const places: Places = { a: new AuthenticationError("wrong token"), relay: "1" };
    const { ask } = stage(places, { fallback: () => "relay" });
    expect(await ask("a")).toBe("1");
    places["a"] = "2";
    expect(await ask("a")).toBe("2");
  });

  test("are not said to lack a value that only the fallback does not have", async () => {
    const { ask, lacking } = stage({ a: undefined, relay: undefined }, { fallback: () => "relay" });
    await expect(ask("a")).rejects.toThrow();
    expect(lacking).toEqual(["a"]);
  });

  test("are asked no more once the search is aborted", async () => {
    const { holders, newlyDialled } = stage({ a: "1", b: "2" });
    const stop = new AbortController();
    const asking = holders.ask(
      ["a", "b"],
      () => {
        stop.abort(new Error("not wanted"));
        return Promise.reject(new Error("broken off"));
      },
      { signal: stop.signal },
    );
    await expect(asking).rejects.toThrow("broken off");
    expect(newlyDialled()).toEqual(["a"]);
  });
});
