// A scheduler's core among fake peers that hold to the protocol, in a random order of events. After
// every event the invariants are checked, and every message against its schema and what it promises.

import { expect } from "vitest";
import { checkToClient, checkToWorker } from "../../../src/wire/check.ts";
import type { FromClient, FromWorker, ToClient } from "../../../src/wire/protocol.ts";
import type { Involvement } from "../../../scheduler/core/coordination/things.ts";
import type { Effect } from "../../../scheduler/core/effects.ts";
import { checkInvariants } from "../../../scheduler/core/invariants.ts";
import { createState, type CoreOptions } from "../../../scheduler/core/state.ts";
import { nextWakeUp, step, type Event } from "../../../scheduler/core/step.ts";
import type { WorkerFacts } from "../../../scheduler/core/workers/membership.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { Listener } from "./listener.ts";
import { addressOf, FakeWorker, type Call, type Need } from "./fake-worker.ts";

export type Submission = Extract<FromClient, { type: "submit" }>;

/** What a client knows of one of its futures; `asked` when it asked to hear again. */
type Standing = "pending" | "asked" | "finished" | "stored" | "failed" | "cancelled";
export type FakeClient = { id: string; futures: Map<string, Standing>; away: boolean };
type Inside = FakeClient & { worker: FakeWorker; key: string; attempt: number };
const insideId = (worker: string, key: string, attempt: number) => `${worker} ${key} ${attempt}`;

const listenerId = "listener";

/** What cancels futures that have settled, too. */
export const restartReason = "all over again";

export class World {
  readonly state;
  readonly workers = new Map<string, FakeWorker>();
  readonly clients = new Map<string, FakeClient>();
  /** The clients inside tasks, by worker, key and attempt. */
  readonly insides = new Map<string, Inside>();
  /** The call that each key names now. */
  readonly calls = new Map<string, Call>();
  readonly events: { now: number; event: Event }[] = [];
  readonly effects: Effect[][] = [];
  /** What clients say at once to what they have just heard. */
  readonly #replies: (() => void)[] = [];
  /** Scattered values on their way from clients to workers. */
  readonly uploads: { client: string; need: Need }[] = [];
  /** Hears of everything, in worlds that were made with one. */
  #listener: Listener | undefined;
  /** When tasks started that have a rate limit. */
  readonly #starts = new Map<string, number[]>();
  now = 1_000;
  /** How far the clock of the machine is ahead of that of the core. */
  wallAheadMs = 1e12;
  minted = 0;
  /** Calls that were refused for want of memory. */
  refused = 0;
  /** By key, what the client of the newest submission knew before it. */
  #heldBefore = new Map<string, Standing | undefined>();

  constructor(options: Partial<CoreOptions>) {
    this.state = createState(options);
  }

  /** Has a client hear of everything that happens. */
  listen(): Listener {
    this.handle({ type: "client-joins", id: listenerId, name: listenerId });
    this.#listener = new Listener();
    const message = { type: "events", id: 0 } as const;
    this.handle({ type: "client-messages", from: listenerId, messages: [message] });
    return this.#listener;
  }

  handle(given: Event): void {
    // As it would come over a wire: it has no object in common with others.
    const event = structuredClone(given);
    // A journal repeats events, and links keep what was not acknowledged: neither may change later.
    this.events.push(deepFreeze({ now: this.now, event }));
    const effects = deepFreeze(step(this.state, this.now, event));
    this.effects.push(effects);
    checkInvariants(this.state);
    for (const effect of effects) this.#perform(effect);
    this.#listener?.check(this.state);
    this.#checkRunning();
    for (let reply = this.#replies.shift(); reply; reply = this.#replies.shift()) reply();
  }

  /** Lets so much time pass, with the clock where the core asked for it. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let at = nextWakeUp(this.state); at !== undefined; at = nextWakeUp(this.state)) {
      if (at > end) break;
      this.now = Math.max(this.now, at);
      this.handle({ type: "clock" });
    }
    this.now = end;
  }

  // ── Clients ────────────────────────────────────────────────────────────────────────────────────

  joinClient(id: string): void {
    this.clients.set(id, { id, futures: new Map(), away: false });
    this.handle({ type: "client-joins", id, name: id });
  }

  /** Goes as the client library does: no other call under a key that it holds already. */
  submit({ id, futures }: FakeClient, message: Submission): void {
    this.#heldBefore = new Map(message.keys.map((key) => [key, futures.get(key)]));
    for (const [index, key] of message.keys.entries()) {
      const existing = this.state.tasks.get(key);
      // A cancelled one makes way for any call.
      const isFree = existing === undefined || existing.state.at === "cancelled";
      if (isFree) {
        const { name, options = {}, inputs } = message;
        const own = inputs?.[index] ?? [];
        this.calls.set(key, { name, options, inputs: own, mostStarts: 1, starts: 0 });
      } else if (futures.has(key)) {
        const call = [message.args[index], message.name];
        expect([existing.args, existing.spec.function.name]).toEqual(call);
      }
      const isSettled = existing !== undefined && (futures.get(key) ?? "pending") !== "pending";
      futures.set(key, isSettled ? "asked" : "pending");
    }
    this.say(id, message);
    // Not told at once, so it is under way again: it had been cancelled for this client alone.
    for (const key of message.keys) if (futures.get(key) === "asked") futures.set(key, "pending");
  }

  retry({ id, futures }: FakeClient, key: string): void {
    const before = futures.get(key);
    if (before !== undefined && before !== "pending") futures.set(key, "asked");
    this.#grantStart(key);
    this.say(id, { type: "retry", keys: [key] });
    // Not told anything: it is over for this client alone.
    if (before !== undefined && futures.get(key) === "asked") futures.set(key, before);
  }

  /** Goes as the client library does: asks for those only that it does not hold. */
  want(by: FakeClient, keys: string[]): void {
    const { id, futures } = by;
    const isHeld = (key: string) => (futures.get(key) ?? "cancelled") !== "cancelled";
    const wanted = keys.filter((key) => !isHeld(key));
    if (wanted.length === 0) return;
    for (const key of wanted) futures.set(key, "pending");
    this.say(id, { type: "want", id: 7, keys: wanted });
  }

  /** A retry is a client's own decision, for the task and what it needs. */
  #grantStart(key: string): void {
    const seen = new Set([key]);
    for (const each of seen) {
      const call = this.calls.get(each);
      if (call === undefined) continue;
      call.mostStarts++;
      for (const input of call.inputs) seen.add(input);
    }
  }

  release({ id, futures }: FakeClient, keys: string[]): void {
    for (const key of keys) futures.delete(key);
    this.say(id, { type: "release", keys });
  }

  leaveClient({ id }: FakeClient): void {
    this.clients.delete(id);
    this.handle({ type: "client-leaves", id });
  }

  /** The client inside a task that executes. */
  inside(worker: FakeWorker, { key, attempt }: { key: string; attempt: number }): FakeClient {
    const id = insideId(worker.id, key, attempt);
    let inside = this.insides.get(id);
    if (inside === undefined) {
      inside = { id, futures: new Map(), away: false, worker, key, attempt };
      this.insides.set(id, inside);
    }
    return inside;
  }

  say(from: string, ...messages: FromClient[]): void {
    const inside = this.insides.get(from);
    if (inside) {
      const { worker, key, attempt } = inside;
      const wrapped = messages.map((message) => ({ type: "sub" as const, key, attempt, message }));
      this.hear(worker, ...wrapped);
      return;
    }
    this.handle({ type: "client-messages", from, messages });
  }

  /** What it waits for and holds, as the core has it. */
  involvementOf({ id }: FakeClient): Involvement | undefined {
    const client = this.state.clients.get(id);
    return client && this.state.coordination.clients.get(client);
  }

  // ── Workers ────────────────────────────────────────────────────────────────────────────────────

  joinWorker(id: string, facts: WorkerFacts): void {
    for (const other of this.workers.values()) {
      if (other.facts.name !== facts.name) continue;
      this.workers.delete(other.id);
      this.#endInsides(other.id);
    }
    this.workers.set(id, new FakeWorker(id, facts));
    this.handle({ type: "worker-joins", id, ...facts, address: addressOf(id) });
  }

  at(address: string): FakeWorker | undefined {
    return [...this.workers.values()].find(({ id }) => addressOf(id) === address);
  }

  /** @param bySuccessor another process says it, and not the link */
  loseWorker({ id, facts }: FakeWorker, how: string, bySuccessor = false): void {
    this.workers.delete(id);
    this.#endInsides(id);
    const { name, host, pid } = facts;
    this.handle(
      bySuccessor
        ? { type: "worker-ended", name, host, pid, how }
        : { type: "worker-lost", id, how },
    );
  }

  hear(from: FakeWorker, ...messages: FromWorker[]): void {
    if (messages.length === 0) return;
    from.said(messages);
    for (const inside of [...this.insides.values()]) {
      if (inside.worker === from && !from.isCurrent(inside)) this.insides.delete(inside.id);
    }
    this.handle({ type: "worker-messages", from: from.id, messages });
  }

  // ── What the scheduler does ────────────────────────────────────────────────────────────────────

  #perform(effect: Effect): void {
    switch (effect.do) {
      case "send-to-worker": {
        const worker = this.workers.get(effect.to);
        if (worker === undefined) throw new Error(`a message to the gone worker ${effect.to}`);
        for (const message of effect.messages) {
          // The check makes payloads of what it finds, in place.
          checkToWorker(structuredClone(message));
          worker.receive(message, (key) => this.#callOf(key));
          if (message.type === "run") {
            for (const key of message.keys) this.#checkRate(this.#callOf(key));
          }
          if (message.type === "sub") {
            const inside = this.insides.get(insideId(worker.id, message.key, message.attempt));
            if (!inside) throw new Error(`a message to what is not inside ${message.key} any more`);
            this.#tell(inside, message.message);
          } else if (message.type === "cancel") {
            message.keys.forEach((key, index) =>
              this.insides.delete(insideId(worker.id, key, message.attempts[index]!)),
            );
          }
        }
        const { maxAhead } = this.state.options;
        if (effect.messages.some(({ type }) => type === "run")) {
          expect(worker.load).toBeLessThanOrEqual(worker.facts.slots * (1 + maxAhead));
        }
        break;
      }
      case "send-to-client": {
        if (effect.to === listenerId) {
          for (const message of effect.messages) this.#inform(checkToClient(message));
          break;
        }
        const client = this.clients.get(effect.to);
        if (client === undefined) throw new Error(`a message to the gone client ${effect.to}`);
        for (const message of effect.messages) {
          checkToClient(structuredClone(message));
          this.#tell(client, message);
        }
        break;
      }
      case "disconnect":
        this.workers.delete(effect.peer);
        this.clients.delete(effect.peer);
        break;
      case "stop":
      case "log":
        break;
    }
  }

  /** The listener reads at once. */
  #inform(message: ToClient): void {
    if (message.type !== "events") return;
    const { feed, events } = message;
    this.#listener!.hear(events);
    const read = { type: "events-read", feed, count: events.length } as const;
    this.#replies.push(() => {
      this.handle({ type: "client-messages", from: listenerId, messages: [read] });
    });
  }

  /** The call that a key names; of a task that a schedule submitted, as the core has it. */
  #callOf(key: string): Call {
    const known = this.calls.get(key);
    if (known !== undefined) return known;
    const { spec, inputKeys } = this.state.tasks.get(key)!;
    const call = {
      name: spec.function.name,
      options: spec.options,
      inputs: [...(inputKeys ?? [])],
      ...{ mostStarts: 1, starts: 0 },
    };
    this.calls.set(key, call);
    return call;
  }

  /** Of those with one limit, which all say the same of it, no more run than may. */
  #checkRunning(): void {
    const running = new Map<string, number>();
    for (const { outstanding } of this.workers.values()) {
      for (const { name, options, lent } of outstanding.values()) {
        const { maxRunning, limitName = name } = options;
        if (maxRunning === undefined || lent) continue;
        running.set(limitName, (running.get(limitName) ?? 0) + 1);
        expect(running.get(limitName)).toBeLessThanOrEqual(maxRunning);
      }
    }
  }

  #checkRate({ name, options }: Call): void {
    const { rateLimit, limitName = name } = options;
    if (rateLimit === undefined) return;
    const { count, perMs } = rateLimit;
    const signature = JSON.stringify([limitName, rateLimit]);
    const starts = this.#starts.get(signature) ?? [];
    this.#starts.set(signature, starts);
    starts.push(this.now);
    expect(starts.filter((at) => at > this.now - perMs).length).toBeLessThanOrEqual(count);
  }

  /** Goes as the client library does: takes what it is offered, and holds futures of it. */
  #adopt({ id, futures }: FakeClient, keys: readonly string[], reply: FromClient): void {
    this.#replies.push(() => {
      const before = new Map(keys.map((key) => [key, futures.get(key)]));
      for (const [key, standing] of before) {
        const isNew = standing === undefined || standing === "cancelled";
        if (standing !== "pending") futures.set(key, isNew ? "pending" : "asked");
      }
      this.say(id, reply);
      for (const [key, standing] of before) {
        if (standing !== undefined && futures.get(key) === "asked") futures.set(key, standing);
      }
    });
  }

  #endInsides(worker: string): void {
    for (const inside of [...this.insides.values()]) {
      if (inside.worker.id === worker) this.insides.delete(inside.id);
    }
  }

  #tell(client: FakeClient, message: ToClient): void {
    const { futures } = client;
    if (message.type === "fetched") return;
    if (message.type === "answer" && "to" in message && message.to === "coordinate") {
      const { id } = message;
      const { items, inputs = [] } = message.result;
      // Every third had given up meanwhile.
      if (items && id % 3 === 0) this.#adopt(client, [], { type: "give-back", ids: [id] });
      else if (items) this.#adopt(client, inputs.flat(), { type: "took", ids: [id] });
      return;
    }
    if (message.type === "answer" && "to" in message && message.to === "want") {
      const { unknown, refused } = message.result;
      for (const key of [...unknown, ...(refused?.keys ?? [])]) futures.delete(key);
      return;
    }
    if (message.type === "answer") {
      if ("failure" in message || message.to !== "published") return;
      const { offer, inputs = [] } = message.result;
      if (offer !== undefined) this.#adopt(client, inputs, { type: "take", offer });
      return;
    }
    if (message.type === "cancelled" && message.reason === restartReason) {
      for (const key of message.keys) futures.set(key, "cancelled");
      return;
    }
    if (message.type === "located") {
      const { key, order, attempt, bytes, from } = message;
      const need = { key, order, attempt, bytes, from };
      if (this.calls.get(key)!.name === "scatter()" && futures.get(key) === "pending") {
        this.uploads.push({ client: client.id, need });
      }
      return;
    }
    if (message.type === "lost") {
      for (const key of message.keys) {
        expect([key, futures.get(key)]).toEqual([key, "stored"]);
        futures.set(key, "pending");
      }
      return;
    }
    if (message.type === "reopened") {
      for (const key of message.keys) {
        expect([key, futures.get(key)]).toEqual([key, expect.stringMatching(/^(failed|asked)$/)]);
        futures.set(key, "pending");
      }
      return;
    }
    if (message.type === "output" || message.type === "ending" || message.type === "events") return;
    for (const key of message.keys) {
      if (message.type === "failed" && message.failure.code === "key-conflict") {
        futures.delete(key);
        continue;
      }
      if (message.type === "failed" && message.failure.code === "overloaded") {
        // Only this call is refused: what is known of an earlier one under its key stays.
        const before = this.#heldBefore.get(key);
        if (before === undefined) futures.delete(key);
        else futures.set(key, before);
        this.refused++;
        continue;
      }
      // Heard once for every time it was opened.
      expect([key, futures.get(key)]).toEqual([key, expect.stringMatching(/^(pending|asked)$/)]);
      futures.set(key, message.type);
    }
  }
}
