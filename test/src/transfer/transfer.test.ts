// Transfers of values from holders to requesters, over sockets in memory: complete, interleaved, no
// faster than they are read, and never partial.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cut, memorySocketPair, type MemorySocket } from "../link/socket-memory.ts";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { payloadBytes, type Payload } from "../../../src/payload/payload.ts";
import { windowBytes } from "../../../src/transfer/incoming.ts";
import type { Want } from "../../../src/transfer/messages.ts";
import { Peers } from "../../../src/transfer/peers.ts";
import { LackingError, Requester } from "../../../src/transfer/requester.ts";
import { relayed, respond, type Shelf } from "../../../src/transfer/responder.ts";
import { Assembly, payloadSource, type Source } from "../../../src/transfer/shape.ts";
import { VirtualClock } from "../link/virtual-clock.ts";

const want = (key: string): Want => ({ key, order: 0, attempt: 1 });

/** A holder of these values, and a requester connected to it. */
function stage(values: Record<string, Payload>, more: Partial<Shelf> = {}, stallMs = 15_000) {
  const pair = memorySocketPair();
  const [here, there] = pair;
  const taken = new Map<string, Payload>();
  const shelf: Shelf = {
    find: ({ key }) => (Object.hasOwn(values, key) ? payloadSource(values[key]!) : undefined),
    async take({ key }, incoming) {
      const assembly = new Assembly(incoming.shape);
      await incoming.readInto(assembly);
      taken.set(key, assembly.take());
    },
    ...more,
  };
  respond(there, shelf);
  const closed: string[] = [];
  const requester = new Requester(here, (reason) => closed.push(reason), { stallMs });
  return { requester, taken, closed, pair };
}

const part = fc
  .tuple(fc.nat(300_000), fc.nat(255))
  .map(([length, first]) => Uint8Array.from({ length }, (_, index) => first + index * 7));
const payloads: fc.Arbitrary<Payload> = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.nat(200_000).map((length) => "ä".repeat(length)),
  fc
    .tuple(fc.string(), fc.array(part, { minLength: 1, maxLength: 4 }))
    .map(([head, parts]) => new BinaryPayload(head, parts)),
);

function plain(payload: Payload) {
  if (typeof payload === "string") return payload;
  return {
    head: payload.head,
    parts: payload.parts.map((bytes) => Buffer.from(bytes).toString("latin1")),
  };
}

describe("a value", () => {
  test("arrives as it was, fetched or sent, several at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(payloads, { minLength: 1, maxLength: 5 }), async (list) => {
        const values = Object.fromEntries(list.map((value, index) => [`k${index}`, value]));
        const { requester, taken } = stage(values);
        const keys = Object.keys(values);
        const got = await Promise.all(
          keys.map((key) => requester.fetch(want(key), payloadBytes(values[key]!) * 3)),
        );
        expect(got.map(plain)).toEqual(list.map(plain));
        await Promise.all(keys.map((key) => requester.put(want(key), payloadSource(values[key]!))));
        expect(keys.map((key) => plain(taken.get(key)!))).toEqual(list.map(plain));
        expect(requester.idle).toBe(true);
        requester.close();
      }),
      { numRuns: 30 },
    );
  });

  test("that is not there is said to be missing, and other values still come", async () => {
    const { requester } = stage({ a: "1" });
    await expect(requester.fetch(want("b"), 10)).rejects.toThrow(LackingError);
    expect(await requester.fetch(want("a"), 10)).toBe("1");
  });

  test("comes no faster than it is read", async () => {
    let given = 0;
    const bytes = 4 * windowBytes;
    const source: Source = {
      shape: { head: 0, parts: [bytes] },
      read(most) {
        given += most;
        return new Uint8Array(most);
      },
      close: () => undefined,
    };
    const { requester } = stage({}, { find: () => source });
    const incoming = await requester.get(want("a"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBe(windowBytes);
    for (let left = bytes; left > 0;) left -= (await incoming.read()).byteLength;
    expect(given).toBe(bytes);
  });

  test("of more bytes than 32 bits count comes to its end, each chunk once and in order", async () => {
    const bytes = 2 ** 32 + 2 ** 20 + 3;
    const chunk = new Uint8Array(2 ** 20);
    let given = 0;
    const source: Source = {
      shape: { head: 2 ** 31 + 1, parts: [2 ** 31, 2 ** 20 + 2] },
      read(most) {
        const read = chunk.subarray(0, most);
        given += read.byteLength;
        return read;
      },
      close: () => undefined,
    };
    const { requester } = stage({}, { find: () => source });
    const incoming = await requester.get(want("a"));
    let came = 0;
    while (came < bytes) {
      came += (await incoming.read()).byteLength;
      expect(given - came).toBeLessThanOrEqual(windowBytes);
    }
    expect([came, given, incoming.whole, requester.idle]).toEqual([bytes, bytes, true, true]);
  });

  test("that claims to be much larger than it should is not taken", async () => {
    const source: Source = {
      shape: { head: 0, parts: [2 ** 40] },
      read: (most) => new Uint8Array(most),
      close: () => undefined,
    };
    const { requester } = stage({}, { find: () => source });
    await expect(requester.fetch(want("a"), 100)).rejects.toThrow(/is said to have/);
  });

  test("whose holder is gone in the middle is not there in part", async () => {
    const large = new BinaryPayload("", [new Uint8Array(3 * windowBytes)]);
    const { requester, pair, closed } = stage({ a: large });
    const incoming = await requester.get(want("a"));
    await incoming.read();
    cut(pair);
    await expect(
      (async () => {
        for (;;) await incoming.read();
      })(),
    ).rejects.toThrow();
    expect(closed).toHaveLength(1);
    await expect(requester.fetch(want("a"), 1)).rejects.toThrow();
  });

  test("that is found only when nobody is there to have it any more is let go", async () => {
    const opening = Promise.withResolvers<Source>();
    const asked = Promise.withResolvers<void>();
    const { requester, pair } = stage(
      {},
      {
        find: () => {
          asked.resolve();
          return opening.promise;
        },
      },
    );
    const fetching = requester.fetch(want("spilled"), 1_000).catch((error: unknown) => error);
    await asked.promise;
    cut(pair);
    await fetching;
    await new Promise((resolve) => setImmediate(resolve));
    const letGo = Promise.withResolvers<void>();
    opening.resolve(payloadSource(new BinaryPayload("head", [new Uint8Array(100)]), letGo.resolve));
    await letGo.promise;
  });

  test("whose holder stands still is given up after a while", async () => {
    const { requester, closed } = stage({}, { find: () => new Promise(() => undefined) }, 50);
    await expect(requester.fetch(want("a"), 1)).rejects.toThrow(/nothing arrived for/);
    expect(closed).toHaveLength(1);
  });

  test("whose messages take long on a slow line is waited for as long as bytes come", () => {
    const clock = new VirtualClock();
    const [here] = memorySocketPair();
    let bytesRead = 0;
    Object.defineProperty(here, "bytesRead", { get: () => bytesRead });
    const closed: string[] = [];
    const options = { clock, stallMs: 1_000 };
    const requester = new Requester(here, (reason) => closed.push(reason), options);
    requester.get(want("a")).catch(() => undefined);
    for (let round = 0; round < 5; round += 1) {
      bytesRead += 1;
      clock.runFor(1_000);
      expect(closed).toEqual([]);
    }
    clock.runFor(1_000);
    expect(closed).toEqual(["nothing arrived for 1 s"]);
  });

  test("that breaks off at its source fails with the reason, and the connection goes on", async () => {
    const source: Source = {
      shape: { head: 0, parts: [1_000_000] },
      read: () => Promise.reject(new Error("the disk is broken")),
      close: () => undefined,
    };
    const find = ({ key }: Want) => (key === "a" ? source : payloadSource("1"));
    const { requester } = stage({}, { find });
    await expect(requester.fetch(want("a"), 1_000_000)).rejects.toThrow("the disk is broken");
    expect(await requester.fetch(want("b"), 1)).toBe("1");
  });

  test("that cannot be taken fails with the reason, and the connection goes on", async () => {
    const take = () => Promise.reject(new Error("no room"));
    const { requester } = stage({ a: "1" }, { take });
    const large = new BinaryPayload("", [new Uint8Array(3 * windowBytes)]);
    await expect(requester.put(want("a"), payloadSource(large))).rejects.toThrow("no room");
    expect(await requester.fetch(want("a"), 1)).toBe("1");
  });

  test("is passed on by a third while it comes", async () => {
    const large = new BinaryPayload("x", [new Uint8Array(3 * windowBytes).fill(7)]);
    const behind = stage({ a: large });
    const front = stage(
      {},
      {
        async find(wanted) {
          const incoming = await behind.requester.get(wanted);
          return relayed(incoming, () => behind.requester.abandon(incoming));
        },
      },
    );
    const got = (await front.requester.fetch(want("a"), large.byteLength)) as BinaryPayload;
    expect([got.head, got.parts[0]!.every((byte) => byte === 7)]).toEqual(["x", true]);
  });

  test("nonsense ends the connection, and nothing else", async () => {
    for (const nonsense of ["x", "{}", '{"type":"get","id":0}', '{"type":"chunk","id":"1"}']) {
      const [here, there] = memorySocketPair();
      let closed = false;
      respond(there, { find: () => undefined, take: () => Promise.resolve() }, () => {
        closed = true;
      });
      here.send(nonsense);
      await expect.poll(() => closed).toBe(true);
    }
  });
});

describe("connections", () => {
  test("are made once for each address, and anew after one is gone", async () => {
    const pairs: [MemorySocket, MemorySocket][] = [];
    const peers = new Peers({
      token: () => "t",
      open: ({ url, token }) => {
        expect([url, token]).toEqual(["ws://a/data", "t"]);
        const pair = memorySocketPair();
        pairs.push(pair);
        respond(pair[1], { find: () => payloadSource("1"), take: () => Promise.resolve() });
        return Promise.resolve(pair[0]);
      },
    });
    const fetch = async () => (await peers.at("ws://a/data")).fetch(want("a"), 1);
    expect(await Promise.all([fetch(), fetch()])).toEqual(["1", "1"]);
    expect(pairs).toHaveLength(1);
    cut(pairs[0]!);
    await expect.poll(fetch).toBe("1");
    expect(pairs).toHaveLength(2);
    peers.close();
    await expect(fetch()).rejects.toThrow();
  });
});
