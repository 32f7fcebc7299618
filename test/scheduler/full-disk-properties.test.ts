// Whatever clients say while the disk is full now and then: the state that a successor makes of the journal is
// the one that it was made from, and so is what each client was told and heard of.

import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { freeze } from "../../scheduler/core/snapshot/freeze.ts";
import { step, type Event } from "../../scheduler/core/step.ts";
import { checkInvariants } from "../../scheduler/core/invariants.ts";
import { joining, outside, Replica, type Kept } from "../../scheduler/replica.ts";
import { WriteAhead } from "../../scheduler/write-ahead.ts";
import type { FromClient, ToClient } from "../../src/wire/protocol.ts";
import { FrameBuilder, readFrame, writeFrame } from "../../src/wire/frame.ts";
import { MemoryDisk } from "./journal/memory-disk.ts";
import { open } from "./journal/writes.ts";

const place = "/journal";
const clients = ["c1", "c2", "c3"];

type Action =
  | { do: "say"; by: number; messages: FromClient[] }
  | { do: "room"; bytes: number }
  | { do: "turn" }
  | { do: "pause" }
  | { do: "rotate" };

const key = fc.integer({ min: 0, max: 30 }).map((number) => `k${number}`);
const id = fc.nat(1_000);
const text = fc
  .integer({ min: 1, max: 3_000 })
  .map((length) => JSON.stringify(["x".repeat(length)]));
const message: fc.Arbitrary<FromClient> = fc.oneof(
  fc.record({
    type: fc.constant("submit" as const),
    name: fc.constant("f"),
    keys: fc.tuple(key),
    args: fc.tuple(text),
    inputs: fc.tuple(fc.array(key, { maxLength: 2 })),
  }),
  fc.record({
    ...{ type: fc.constant("coordinate" as const), id, kind: fc.constant("queue" as const) },
    ...{ name: fc.constant("q"), op: fc.constant("put" as const), value: text },
  }),
  fc.record({
    ...{ type: fc.constant("coordinate" as const), id, kind: fc.constant("queue" as const) },
    ...{
      name: fc.constant("q"),
      op: fc.constant("get" as const),
      wait: fc.constant(false as const),
    },
  }),
  fc.record({ type: fc.constant("release" as const), keys: fc.tuple(key) }),
  fc.record({ type: fc.constant("detach" as const), keys: fc.tuple(key) }),
  fc.record({ type: fc.constant("ping" as const), id }),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("say" as const),
      by: fc.nat(clients.length - 1),
      messages: fc.array(message, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("room" as const),
      bytes: fc.oneof(fc.nat(4_000), fc.constant(2 ** 40)),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: "turn" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "pause" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "rotate" as const }) },
);

test(
  "a successor knows what the scheduler knew, refusals and all",
  { timeout: 60_000 },
  async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 10, maxLength: 25, size: "max" }),
        async (actions) => {
          const disk = new MemoryDisk();
          const journal = await open(place, { disk });
          const { state, sessions } = new Replica().goOn(journal, {});
          const heard = new Map(clients.map((client) => [client, 0]));
          const told = new Map<string, ToClient[]>(clients.map((client) => [client, []]));
          const ahead = new WriteAhead({
            keeper: journal,
            isSynced: false,
            apply: (event, now, { happened }) => {
              if (event.type === "client-refused") refused += 1;
              for (const effect of step(state, now, event)) {
                if (effect.do === "send-to-client") told.get(effect.to)!.push(...effect.messages);
              }
              checkInvariants(state);
              happened?.();
            },
            fail: (error) => expect.fail(String(error)),
            full: () => undefined,
          });
          let now = 1e13;
          const handle = (event: Event, origin = {}) => ahead.handle(event, (now += 1), origin);
          for (const client of clients) {
            const hello = { type: "hello", role: "client", id: client, name: client, protocol: 1 };
            const whole = { ...hello, received: 0 } as never;
            handle(joining(whole), { hello: whole });
          }
          await nextTurn();
          disk.room = 4_000;
          for (const each of actions) {
            if (each.do === "turn") await nextTurn();
            // Longer than the pause between two commits on a full disk.
            else if (each.do === "pause") await sleep(120);
            else if (each.do === "room") disk.room = each.bytes;
            else if (each.do === "rotate") {
              try {
                journal.rotate();
              } catch {
                // There was no room.
              }
            } else {
              const from = clients[each.by]!;
              const builder = new FrameBuilder();
              for (const said of each.messages) builder.add(said);
              const frame = writeFrame(0, builder.take());
              // What the core has is its own.
              const messages = readFrame(frame).messages as FromClient[];
              const happened = () => heard.set(from, heard.get(from)! + messages.length);
              handle({ type: "client-messages", from, messages }, { frame, happened });
            }
          }
          disk.room = Infinity;
          await new Promise<void>((resolve) => ahead.afterwards(resolve));
          ahead.stop();

          const left = disk.afterDeath();
          await journal.close();
          for (const name of left.list(place))
            if (name.startsWith("lock")) left.removeNow(`${place}/${name}`);
          const successor = await open(place, { disk: left });
          const replica = Replica.from(undefined);
          for (const record of successor.records()) replica.repeat(record);
          await successor.close();
          const kept: Kept = replica.kept!;
          expect([...freeze(kept.state, outside)]).toEqual([...freeze(state, outside)]);
          for (const client of clients) {
            const session = kept.sessions.get(client)!;
            expect(session.received).toBe(heard.get(client));
            expect(session.messages).toEqual(told.get(client));
          }
          expect(sessions.size).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
    expect(refused).toBeGreaterThan(5);
  },
);
