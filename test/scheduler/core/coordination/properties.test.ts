// Whatever several clients ask for, give back, take and leave behind, in whatever order: the core does
// what the model does, nothing is held twice, and no item is lost or doubled.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { ResultOf } from "../../../../src/wire/requests.ts";
import { createCoordination } from "../../../../scheduler/core/coordination/things.ts";
import { Story, type Done } from "../story.ts";
import { Asker, type Coordinate } from "./asking.ts";
import { Model, type Told } from "./model.ts";

const numRuns = Number(process.env["CORE_RUNS"] ?? 600);
const limits = { lock: 1, semaphore: 3 };
const maxSize = { "queue-of-2": 2 };

type Request = Omit<Coordinate, "type" | "id" | "value">;
const requests: Request[] = [
  { kind: "lock", name: "lock", op: "acquire" },
  { kind: "semaphore", name: "semaphore", op: "acquire", limit: 3, count: 1 },
  { kind: "semaphore", name: "semaphore", op: "acquire", limit: 3, count: 2 },
  { kind: "semaphore", name: "semaphore", op: "acquire", limit: 3, count: 3 },
  { kind: "semaphore", name: "semaphore", op: "look", limit: 3 },
  { kind: "event", name: "event", op: "wait" },
  { kind: "event", name: "event", op: "set" },
  { kind: "event", name: "event", op: "clear" },
  { kind: "variable", name: "variable", op: "get" },
  { kind: "variable", name: "variable", op: "set" },
  { kind: "variable", name: "variable", op: "clear" },
  ...["queue", "queue-of-2"].flatMap((name): Request[] => {
    const limit = name === "queue" ? {} : { limit: 2 };
    const queue = { kind: "queue", name, ...limit } as const;
    return [
      { ...queue, op: "put" },
      { ...queue, op: "put" },
      { ...queue, op: "get" },
      { ...queue, op: "get", count: 3 },
      { ...queue, op: "clear" },
      { ...queue, op: "look" },
    ];
  }),
];

const who = fc.nat(3);
const which = fc.nat(99);
const actions = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      who,
      request: fc.constantFrom(...requests),
      now: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("give-back" as const), who, which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("took" as const), who, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("link" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(80) }) },
);
type Action = typeof actions extends fc.Arbitrary<infer Made> ? Made : never;

type Player = { asker: Asker; asked: number; awayAt: number | undefined };

class Game {
  readonly story = new Story({ graceMs: 100 });
  readonly model = new Model({ limits, maxSize });
  readonly players = new Map<string, Player>();
  /** Every item by its value: put, and then taken or cleared, once. */
  readonly put: string[] = [];
  readonly out: string[] = [];
  #joined = 0;
  #minted = 0;

  play(action: Action): void {
    if (action.do === "pass") return this.#pass(action.ms);
    const name = `player${action.who}`;
    const id = [...this.players.keys()].find((each) => each.startsWith(name)) ?? this.#join(name);
    const player = this.players.get(id)!;
    if (action.do === "leave") return this.leave(id, () => player.asker.leave());
    if (action.do === "link") {
      if (player.awayAt === undefined) player.asker.away();
      else player.asker.back();
      player.awayAt = player.awayAt === undefined ? this.story.now : undefined;
      return;
    }
    // What it says while its link is down arrives when it is back: the same as saying it then.
    if (player.awayAt !== undefined) return;
    if (action.do === "ask") return this.#ask(id, player, action);
    // Sometimes a number that was never asked for.
    const number = (action.which % (player.asked + 1)) + 1;
    if (action.do === "took") this.took(id, number);
    else this.#compare(player.asker.giveBack(number), this.model.giveBack(id, number));
  }

  took(id: string, number: number): void {
    const { asker } = this.players.get(id)!;
    const handed = this.model.handed.find((each) => each.who === id && each.id === number);
    this.out.push(...(handed?.items ?? []).map(([, value]) => value));
    this.#compare(asker.took(number), this.model.took(id, number));
  }

  leave(id: string, leave: () => Done): void {
    this.players.delete(id);
    const done = leave();
    expect(done["disconnect"]).toEqual([id]);
    this.#compare(done, this.model.leave(id));
  }

  #join(name: string): string {
    const id = `${name}-${this.#joined++}`;
    this.players.set(id, { asker: new Asker(this.story, id), asked: 0, awayAt: undefined });
    return id;
  }

  #ask(id: string, player: Player, { request, now }: Extract<Action, { do: "ask" }>): void {
    player.asked++;
    const { kind, op, name } = request;
    const hasValue = op === "put" || (kind === "variable" && op === "set");
    const value = `v${this.#minted++}`;
    const whole = { ...request, ...(hasValue && { value }), ...(now && { wait: false as const }) };
    const queue = this.model.items[name] ?? [];
    if (kind === "queue" && op === "clear") this.out.push(...queue.map(([, each]) => each));
    this.#compare(
      player.asker.ask(whole),
      this.model.ask(id, { type: "coordinate", id: player.asked, ...whole }),
    );
  }

  /** Time goes on, with the clock where the core asked for it. */
  #pass(ms: number): void {
    const end = this.story.now + ms;
    for (let at = this.story.nextWakeUp; at !== undefined && at <= end;) {
      const now = Math.max(at, this.story.now);
      const done = this.story.at(now);
      const late = [...this.players].filter(
        ([, { awayAt }]) => awayAt !== undefined && awayAt + 100 <= now,
      );
      const told = late.flatMap(([id]) => {
        this.players.delete(id);
        return this.model.leave(id);
      });
      const gone = late.map(([id]) => id);
      this.#compare(
        done,
        told.filter((each) => !gone.includes(each.who)),
      );
      at = this.story.nextWakeUp;
    }
    this.story.now = end;
  }

  #compare(done: Done, expected: readonly Told[]): void {
    const told: Told[] = [];
    for (const [who, messages] of Object.entries(done)) {
      for (const message of messages) {
        if (typeof message === "string" || message.type !== "answer") continue;
        const { id } = message;
        expect(message).not.toHaveProperty("failure");
        const { result } = message as { result: ResultOf<"coordinate"> } & typeof message;
        const { number, items, withdrawn } = result;
        const what = withdrawn
          ? "withdrawn"
          : ((items as string[] | undefined)?.join() ?? number?.toString() ?? "done");
        told.push({ who, id, what });
      }
    }
    expect(told.sort(byWho)).toEqual([...expected].sort(byWho));
    this.#notePuts();
  }

  /** What the model has in its queues now or has handed out, was put. */
  #notePuts(): void {
    const there = [
      ...Object.values(this.model.items).flat(),
      ...this.model.handed.flatMap(({ items }) => items),
    ].map(([, value]) => value);
    for (const value of there) if (!this.put.includes(value)) this.put.push(value);
  }
}

/** Of one client in the order told; clients by name. */
function byWho(a: Told, b: Told): number {
  return a.who < b.who ? -1 : a.who > b.who ? 1 : a.id - b.id;
}

test(
  "the core does what the model does, and loses and doubles nothing",
  { timeout: 30_000 + 50 * numRuns },
  () => {
    fc.assert(
      fc.property(fc.array(actions, { maxLength: 80, size: "max" }), (run) => {
        const game = new Game();
        for (const action of run) game.play(action);
        for (const { who, id } of [...game.model.handed]) {
          if (game.players.get(who)?.awayAt === undefined) game.took(who, id);
        }
        for (const [id, { asker }] of [...game.players]) game.leave(id, () => asker.leave());
        const left = Object.values(game.model.items).flatMap((items) =>
          items.map(([, value]) => value),
        );
        expect([...game.out, ...left].sort()).toEqual([...game.put].sort());
        // Only what outlives its clients is there.
        const cleaner = new Asker(game.story, "cleaner");
        cleaner.ask({ kind: "event", name: "event", op: "clear" });
        cleaner.ask({ kind: "variable", name: "variable", op: "clear" });
        for (const name of ["queue", "queue-of-2"]) {
          cleaner.ask({ kind: "queue", name, op: "clear" });
        }
        const empty = { ...createCoordination(), order: expect.any(Number) };
        expect(game.story.state.coordination).toEqual(empty);
      }),
      { numRuns },
    );
  },
);
