// What a worker holds: within its bounds, exact whatever goes to disk and comes back, and gone when
// nobody needs it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { decode } from "../../../src/payload/payload.ts";
import { Assembly, bytesOfShape } from "../../../src/transfer/shape.ts";
import type { Disk } from "../../../worker/results/spilling.ts";
import { Store, type Entry } from "../../../worker/results/store.ts";

/** A disk in memory, which may be full. */
class FakeDisk implements Disk {
  readonly files = new Set<Uint8Array>();
  full = false;

  async write(rows: readonly Uint8Array[]) {
    await Promise.resolve();
    if (this.full) throw new Error("ENOSPC: no space left on device");
    const bytes = new Uint8Array(Buffer.concat(rows));
    this.files.add(bytes);
    return {
      open: () => {
        if (!this.files.has(bytes)) return Promise.reject(new Error("ENOENT"));
        return Promise.resolve({
          read: (into: Uint8Array, from: number) => {
            into.set(bytes.subarray(from, from + into.byteLength));
            return Promise.resolve();
          },
          close: () => Promise.resolve(),
        });
      },
      remove: () => {
        this.files.delete(bytes);
        return Promise.resolve();
      },
    };
  }
}

function stage() {
  const disk = new FakeDisk();
  const said: string[] = [];
  const store = new Store({
    spillAboveBytes: 300,
    pauseAboveBytes: 500,
    disk,
    on: {
      paused: (reason) => said.push(reason),
      resumed: () => said.push("resumed"),
      room: () => undefined,
      problem: (text) => said.push(text),
    },
  });
  return { disk, said, store };
}

const result = (key: string) => ({ key, order: undefined, attempt: 1 });
const want = (key: string) => ({ key, order: 0, attempt: 1 });
const valueOf = (key: string) =>
  new BinaryPayload("", [new Uint8Array(100).fill(key.charCodeAt(0))]);
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

describe("a store", () => {
  test("writes what was not used for longest to disk, and reads it back as it was", async () => {
    const { disk, store } = stage();
    for (const key of "abcd") store.put(result(key), valueOf(key));
    await settled();
    expect([store.memoryBytes, store.spilledBytes, disk.files.size]).toEqual([300, 100, 1]);
    const entry = store.find(want("a"))!;
    expect(store.pin(entry)).toBeUndefined();
    expect(await store.fetch(entry)).toEqual(valueOf("a"));
    store.letGo(entry);
    for (const key of "abcd") store.free(want(key));
    await settled();
    expect([store.memoryBytes, store.spilledBytes, disk.files.size, store.size]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  test("keeps texts outside the heap, and counts them in bytes", () => {
    const { store } = stage();
    const value = "é".repeat(20) + "x".repeat(240);
    const text = JSON.stringify(value);
    const entry = store.put(result("a"), text);
    expect(entry.payload).toBeInstanceOf(BinaryPayload);
    expect(decode(entry.payload!)).toBe(value);
    expect([entry.bytes, store.memoryBytes]).toEqual([282, 282]);
    expect(store.put(result("b"), "1").payload).toBe("1");
    expect(store.heapBytes).toBeGreaterThan(1_000);
    store.clear();
    expect([store.memoryBytes, store.heapBytes]).toEqual([0, 0]);
  });

  test("keeps what is used in memory, freed or not, until it is let go", async () => {
    const { store } = stage();
    const entry = store.put(result("a"), valueOf("a"), { pinned: true });
    for (const key of "bcde") store.put(result(key), valueOf(key));
    await settled();
    store.free(want("a"));
    expect([store.find(want("a")), entry.payload]).toEqual([undefined, valueOf("a")]);
    store.letGo(entry);
    expect(entry.payload).toBeUndefined();
  });

  test("says that it is full when the disk is, and takes more when there is room again", async () => {
    const { disk, said, store } = stage();
    disk.full = true;
    for (const key of "abcd") store.put(result(key), valueOf(key));
    await settled();
    expect([store.paused, said]).toEqual([
      true,
      ["its results cannot be written to disk: ENOSPC: no space left on device"],
    ]);
    store.free(want("a"));
    await settled();
    expect([store.paused, said.at(-1)]).toEqual([false, "resumed"]);
  });

  test("gives others what is on disk without reading it back", async () => {
    const { store } = stage();
    for (const key of "abcd") store.put(result(key), valueOf(key));
    await settled();
    const source = (await store.source(want("a")))!;
    const assembly = new Assembly(source.shape);
    for (let left = bytesOfShape(source.shape); left > 0;) {
      const bytes = await source.read(30);
      assembly.add(bytes);
      left -= bytes.byteLength;
    }
    source.close();
    expect(assembly.take()).toEqual(valueOf("a"));
    expect(store.memoryBytes).toBe(300);
  });

  test("has lost what its file does not have any more, and says so", async () => {
    const { disk, said, store } = stage();
    for (const key of "abcd") store.put(result(key), valueOf(key));
    await settled();
    disk.files.clear();
    expect(await store.fetch(store.find(want("a"))!)).toBeUndefined();
    expect(store.find(want("a"))).toBeUndefined();
    expect(said).toEqual([expect.stringContaining("it is lost")]);
    expect(store.memoryBytes + store.spilledBytes).toBe(300);
  });

  test("tells results of one key apart by order and attempt", () => {
    const { store } = stage();
    store.put({ key: "a", order: 3, attempt: 1 }, "old");
    expect(store.find({ key: "a", order: 4, attempt: 1 })).toBeUndefined();
    store.put({ key: "a", order: 4, attempt: 1 }, "new");
    store.free({ key: "a", order: 3, attempt: 1 });
    expect(store.find({ key: "a", order: 4, attempt: 1 })?.payload).toBe("new");
  });
});

test("whatever is put, used and freed in whatever order comes back exact, and nothing stays", async () => {
  const key = fc.constantFrom(..."abcdefgh");
  const action = fc.record({ do: fc.constantFrom("put", "use", "letGo", "free", "wait"), key });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const { disk, store } = stage();
      const used: Entry[] = [];
      for (const { do: what, key } of actions) {
        if (what === "put") store.put(result(key), valueOf(key));
        else if (what === "free") store.free(want(key));
        else if (what === "wait") await settled();
        else if (what === "letGo") {
          const entry = used.pop();
          if (entry) store.letGo(entry);
        } else {
          const entry = store.find(want(key));
          const payload = entry && (await store.fetch(entry));
          if (payload === undefined) continue;
          expect(payload).toEqual(valueOf(key));
          used.push(entry!);
        }
      }
      for (const entry of used) store.letGo(entry);
      await settled();
      expect(store.memoryBytes).toBeLessThanOrEqual(300);
      store.clear();
      await settled();
      expect([store.memoryBytes, store.spilledBytes, disk.files.size]).toEqual([0, 0, 0]);
      expect(store.paused).toBe(false);
    }),
    { numRuns: 60 },
  );
});
