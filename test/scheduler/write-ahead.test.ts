// Events happen when they are kept, and not before: with a disk that is slow, full or broken, too.

import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import type { Event } from "../../scheduler/core/step.ts";
import { JournalError, JournalFullError } from "../../scheduler/journal/journal-error.ts";
import { readRecord, type PeerHello } from "../../scheduler/records.ts";
import { WriteAhead } from "../../scheduler/write-ahead.ts";

function stage(isSynced = false) {
  const said: string[] = [];
  const disk = {
    problem: undefined as Error | undefined,
    syncs: [] as PromiseWithResolvers<void>[],
  };
  let appended: string[] = [];
  const keeper = {
    append(parts: readonly (string | Uint8Array)[]) {
      const { what } = readRecord(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
      appended.push(what.kind === "event" ? idOf(what.event) : what.kind);
    },
    write() {
      if (disk.problem) throw disk.problem;
      said.push(`write ${appended.join()}`);
      appended = [];
    },
    discard: () => void (appended = []),
    reserve: () => undefined,
    spendReserve: () => undefined,
    reserveBytes: 0,
    sync() {
      const sync = Promise.withResolvers<void>();
      disk.syncs.push(sync);
      return sync.promise;
    },
  };
  const ahead = new WriteAhead({
    keeper,
    isSynced,
    apply: (event) => void said.push(idOf(event)),
    fail: ({ message }) => void said.push(`failed: ${message}`),
    full: (isFull) => void said.push(isFull ? "full" : "room"),
  });
  const handle = (id: string) => ahead.handle({ type: "client-back", id }, 1, {});
  return { said, disk, ahead, handle };
}

const idOf = (event: Event) => (event as { id: string }).id;

test("a hello that waits for the disk counts with its functions", async () => {
  const { ahead } = stage();
  const functions = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(200, "f"));
  const hello = { role: "worker", id: "w", functions } as unknown as PeerHello;
  ahead.afterwards(() => undefined, hello);
  const waiting = ahead.waitingBytes;
  ahead.handle({ type: "client-back", id: "a" }, 1, { hello });
  const both = ahead.waitingBytes;
  expect([waiting > 20_000, both > 40_000]).toEqual([true, true]);
  await turn();
  expect(ahead.waitingBytes).toBe(0);
});

test("the events of a turn are written together, and then happen in order", async () => {
  const { said, ahead, handle } = stage();
  handle("a");
  handle("b");
  ahead.afterwards(() => said.push("afterwards"));
  handle("c");
  expect(said).toEqual([]);
  await turn();
  expect(said).toEqual(["write a,b,c", "a", "b", "afterwards", "c"]);
  ahead.afterwards(() => said.push("at once"));
  expect(said.at(-1)).toBe("at once");
});

test("with syncs nothing happens before the sync, and what came meanwhile goes with the next", async () => {
  const { said, disk, handle } = stage(true);
  handle("a");
  await turn();
  handle("b");
  handle("c");
  await turn();
  expect(said).toEqual(["write a"]);
  disk.syncs[0]!.resolve();
  await turn();
  await turn();
  expect(said).toEqual(["write a", "a", "write b,c"]);
  disk.syncs[1]!.resolve();
  await turn();
  expect(said.slice(3)).toEqual(["b", "c"]);
});

test("a full disk holds everything up, once said, until there is room", async () => {
  const { said, disk, handle } = stage();
  disk.problem = new JournalFullError("no room");
  handle("a");
  await turn();
  handle("b");
  await turn();
  expect(said).toEqual(["full"]);
  disk.problem = undefined;
  await vi.waitFor(() => expect(said).toEqual(["full", "write a,b", "room", "a", "b"]));
});

test("after a failure nothing happens any more, and it is said once", async () => {
  const { said, disk, ahead, handle } = stage(true);
  handle("a");
  await turn();
  handle("b");
  disk.syncs[0]!.reject(new JournalError("failed", "the disk is broken"));
  await turn();
  handle("c");
  await turn();
  expect(said).toEqual(["write a", "failed: the disk is broken"]);
  ahead.afterwards(() => said.push("nobody waits for ever"));
  expect(said).toHaveLength(3);
});
