// The holders of a value, asked one after the other, some of which do not answer.

import { describe, expect, test } from "vitest";
import { AuthenticationError, ConnectionError } from "../../../src/errors/errors.ts";
import { memorySocketPair } from "../link/socket-memory.ts";
import { Holders, type HoldersOptions } from "../../../src/transfer/holders.ts";
import type { Want } from "../../../src/transfer/messages.ts";
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
      mayBeOutside: true,
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
