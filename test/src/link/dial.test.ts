// The dialling side: it finds the scheduler, reports refusals, and reconnects after a drop.

import { describe, expect, test, vi } from "vitest";
import { dial, type DialOptions, type DialTarget } from "../../../src/link/dial.ts";
import { AuthenticationError, ConnectionError, ProtocolError } from "../../../src/errors/errors.ts";
import { NameTakenError, RejectedError } from "../../../src/link/handshake.ts";
import { memorySocketPair, type MemorySocket } from "./socket-memory.ts";
import type { Socket } from "../../../src/link/socket.ts";
import { AcceptingSide, type Note } from "./accepting-side.ts";
import { VirtualClock } from "./virtual-clock.ts";

const target: DialTarget = { url: "ws://127.0.0.1:8786", token: "secret" };

/** A network with one address, with or without a scheduler. */
class World {
  readonly clock: VirtualClock;
  /** Of a message, in milliseconds. */
  latencyMs = 0;
  scheduler: AcceptingSide | undefined;
  /** Sockets open, and nobody answers on them. */
  silent = false;
  attempts = 0;
  sockets: MemorySocket[] = [];
  openError: () => Error = () => new ConnectionError("connect ECONNREFUSED 127.0.0.1:8786");

  constructor(seed = 7) {
    this.clock = new VirtualClock(seed);
  }

  readonly open = async (): Promise<Socket> => {
    this.attempts += 1;
    if (this.scheduler === undefined) throw this.openError();
    const [dialled, accepted] = memorySocketPair({
      clock: this.clock,
      latencyMs: () => this.latencyMs,
    });
    this.sockets = [dialled, accepted];
    if (!this.silent) void this.scheduler.accept(accepted);
    return dialled;
  };

  after<Value>(ms: number, value: Value): Promise<Value> {
    return new Promise((resolve) => this.clock.setTimeout(() => resolve(value), ms));
  }

  /** Dials, and advances the clock until there is an answer. */
  async dial(options: Partial<DialOptions<Note>> = {}, afterMs = 60_000) {
    const on = {
      messages: vi.fn<(batch: Note[]) => void>(),
      down: vi.fn(),
      up: vi.fn(),
      reset: vi.fn(),
      lost: vi.fn<(error: Error) => void>(),
    };
    let settled = false;
    const outcome = dial<Note, Note>({
      target: async () => target,
      describeTarget: "scheduler file s.json",
      hello: () => ({ role: "client", id: "c1", name: "driver" }),
      check: (value) => value as Note,
      timeoutMs: 30_000,
      clock: this.clock,
      open: this.open,
      on,
      ...options,
    }).then(
      (link) => ({ link, error: undefined }),
      (error: Error) => ({ link: undefined, error }),
    );
    void outcome.then(() => (settled = true));
    const startedAt = this.clock.now();
    await this.clock.advance(afterMs, () => settled);
    const { link, error } = await outcome;
    return { link: link!, error: error!, on, tookMs: this.clock.now() - startedAt };
  }
}

describe("the first connection", () => {
  test("is a link that carries messages both ways, with the welcome", async () => {
    const world = new World();
    world.scheduler = new AcceptingSide({ clock: world.clock });
    const { link, on } = await world.dial();
    expect(link.welcome).toMatchObject({ scheduler: "s1", resumed: false });
    link.send({ type: "note", n: 1 });
    world.scheduler.links.get("c1")!.send({ type: "note", n: 2 });
    await world.clock.advance(10);
    expect(world.scheduler.heard).toEqual([{ type: "note", n: 1 }]);
    expect(on.messages.mock.calls).toEqual([[[{ type: "note", n: 2 }]]]);
    expect(world.scheduler.hellos).toMatchObject([{ role: "client", received: 0 }]);
  });

  test("is in its owner's hands before the first message is", async () => {
    const world = new World();
    const scheduler = new AcceptingSide({ clock: world.clock });
    world.scheduler = scheduler;
    // Sent together with the welcome.
    scheduler.onWelcome = (link) => link.send({ type: "note", n: 1 });
    const { link, on } = await world.dial();
    expect(link.state).toBe("up");
    expect(on.messages).not.toHaveBeenCalled();
    await world.clock.advance(10);
    expect(on.messages).toHaveBeenCalledTimes(1);
  });

  test("comes about when the scheduler starts later", async () => {
    const world = new World();
    world.clock.setTimeout(() => {
      world.scheduler = new AcceptingSide({ clock: world.clock });
    }, 12_000);
    const { link, tookMs } = await world.dial();
    expect(link.state).toBe("up");
    expect(tookMs).toBeLessThan(14_500);
  });

  test("fails when nobody listens, naming what was tried, how long, and what to check", async () => {
    const world = new World();
    const { error, tookMs } = await world.dial();
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toBe(
      "Check that the scheduler is running, and that this machine can reach its address " +
        "(interface, port, firewall): no connection to scheduler file s.json " +
        "(ws://127.0.0.1:8786) within 30 s. The last attempt: connect ECONNREFUSED 127.0.0.1:8786. " +
        "To find out why, run `thence doctor` on this machine",
    );
    expect(tookMs).toBeGreaterThanOrEqual(30_000);
    expect(tookMs).toBeLessThan(30_100);
    expect(world.attempts).toBeGreaterThan(10);
    expect(world.attempts).toBeLessThan(40);
    expect(world.clock.pending).toBe(0);
  });

  test("says who wrote the scheduler file and when, as it may be left over", async () => {
    const written = "written at 2026-01-01T00:00:00Z by process 7 on n1";
    const url = "ws://127.0.0.1:8786";
    const { error } = await new World().dial({
      target: async () => ({ url, token: "t", written }),
      timeoutMs: 3_000,
    });
    expect(error.message).toContain(`no connection to scheduler file s.json (${url}, ${written})`);
  });

  test("says beside the error what is known to be amiss with the target", async () => {
    const hint = "the scheduler listens on loopback only, on n1";
    const world = new World();
    const { error } = await world.dial({ target: async () => ({ ...target, hint }) });
    expect(error.message).toContain(`connect ECONNREFUSED 127.0.0.1:8786; ${hint}. To find out`);
  });

  test("waits for a scheduler file, and says so if it never comes", async () => {
    const world = new World();
    const { error } = await world.dial({ target: async () => undefined, timeoutMs: 3_000 });
    expect(error.message).toBe(
      "Start the scheduler: scheduler file s.json is not there yet, after 3 s" +
        ". To find out why, run `thence doctor` on this machine",
    );
    expect(world.attempts).toBe(0);
  });

  test("names the reason, and not that the last attempt had hardly any time", async () => {
    const world = new World();
    const slow = () => world.after(100, target);
    for (let timeoutMs = 3_000; timeoutMs < 3_500; timeoutMs += 50) {
      const { error } = await world.dial({ target: slow, timeoutMs });
      expect(error.message).toMatch(
        /The last attempt: connect ECONNREFUSED 127\.0\.0\.1:8786\. To/,
      );
    }
  });

  test("names it too when there is little time at all, and a look takes much of it", async () => {
    const world = new World();
    const slow = () => world.after(60, undefined);
    for (let timeoutMs = 150; timeoutMs < 500; timeoutMs += 10) {
      const { error } = await world.dial({ target: slow, timeoutMs });
      expect(error.message, `${timeoutMs}`).toMatch(/s\.json is not there yet, after/);
    }
  });

  test("is not held up for ever by a file that cannot be read", async () => {
    const world = new World();
    const target = () => new Promise<undefined>(() => {});
    const { error, tookMs } = await world.dial({ target, timeoutMs: 3_000 });
    expect(error.message).toMatch(/was not there in time/);
    expect(tookMs).toBeLessThan(3_200);
  });

  test("fails at once when the token is refused", async () => {
    const world = new World();
    world.openError = () => new AuthenticationError("The token is not the one of this scheduler.");
    const { error, tookMs } = await world.dial();
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toMatch(
      /^Give the token of the scheduler, scheduler file s\.json \(ws:.*not the one/,
    );
    expect(tookMs).toBe(0);
    expect(world.attempts).toBe(1);
  });

  test("gives a scheduler file with an old token a moment to be rewritten", async () => {
    const world = new World();
    world.openError = () => new AuthenticationError("The token is not the one of this scheduler.");
    const stale = async () => ({ ...target, scheduler: "old" });
    const { error, tookMs } = await world.dial({ target: stale });
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(tookMs).toBeGreaterThanOrEqual(2_000);
    expect(tookMs).toBeLessThan(5_000);
  });

  test("keeps trying while the scheduler is not the one that the file promised", async () => {
    const world = new World();
    world.scheduler = new AcceptingSide({ clock: world.clock });
    world.scheduler.refusal = ({ scheduler }) =>
      scheduler === "s1" ? undefined : { code: "stale", message: "the file is stale." };
    let written = "s0";
    world.clock.setTimeout(() => (written = "s1"), 5_000);
    const { link } = await world.dial({ target: async () => ({ ...target, scheduler: written }) });
    expect(link.state).toBe("up");
    written = "s0";
    const again = await world.dial({ target: async () => ({ ...target, scheduler: written }) });
    expect(again.error.message).toMatch(
      /the file is stale\. To find out why, run `thence doctor` on this machine$/,
    );
  });

  test.each([
    ["version", ProtocolError],
    ["malformed", ProtocolError],
    ["rejected", RejectedError],
    ["taken", NameTakenError],
    ["something of a later version", ProtocolError],
  ])("fails at once when it is refused: %s", async (code, errorClass) => {
    const world = new World();
    world.scheduler = new AcceptingSide({ clock: world.clock });
    world.scheduler.refusal = () => ({ code: code as "version", message: "because" });
    const { error, tookMs } = await world.dial();
    expect(error).toBeInstanceOf(errorClass);
    expect(error.message).toBe("because");
    expect(tookMs).toBeLessThan(10);
    expect(world.sockets.map((socket) => socket.open)).toEqual([false, false]);
  });

  test("fails at once when what answers is no scheduler", async () => {
    const world = new World();
    const open = async () => {
      const [dialled, accepted] = memorySocketPair({ clock: world.clock });
      accepted.send("hi there");
      return dialled;
    };
    const { error } = await world.dial({ open });
    expect(error).toEqual(
      new ProtocolError("the server at this address is not a thence scheduler"),
    );
  });

  test("tries again when what answers says nothing", async () => {
    const world = new World();
    const open = async () => memorySocketPair({ clock: world.clock })[0];
    const { error, tookMs } = await world.dial({ open });
    expect(error.message).toMatch(/connected, but no answer to the hello\. To/);
    expect(tookMs).toBeLessThan(30_200);
  });

  test("can be given up", async () => {
    const world = new World();
    const giveUp = new AbortController();
    world.clock.setTimeout(() => giveUp.abort(new Error("enough")), 5_000);
    const { error, tookMs } = await world.dial({ signal: giveUp.signal });
    expect(error.message).toBe("enough");
    expect(tookMs).toBe(5_000);
    expect(world.clock.pending).toBe(0);
  });
});

describe("after a drop", () => {
  async function connected(options: { graceMs?: number } = {}, seed = 7) {
    const world = new World(seed);
    world.scheduler = new AcceptingSide({ clock: world.clock, ...options });
    const dialled = await world.dial();
    await world.clock.advance(100);
    return { world, scheduler: world.scheduler, ...dialled };
  }

  test("the link resumes, and what was sent meanwhile arrives, once", async () => {
    const { world, scheduler, link, on } = await connected();
    for (let n = 0; n < 50; n += 1) {
      link.send({ type: "note", n });
      if (n % 10 === 5) for (const socket of world.sockets) socket.lose(true);
      await world.clock.advance(n % 7 === 0 ? 300 : 1);
    }
    await world.clock.advance(1_000);
    expect(scheduler.heard.map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(on.down).toHaveBeenCalledTimes(5);
    expect(on.up).toHaveBeenCalledTimes(5);
    expect(on.reset).not.toHaveBeenCalled();
    expect(scheduler.hellos.length).toBeGreaterThan(5);
  });

  test("a scheduler that does not know the session any more is a reset", async () => {
    const { world, link, on } = await connected();
    link.send({ type: "note", n: 1 });
    await world.clock.advance(100);
    const next = new AcceptingSide({ clock: world.clock });
    world.scheduler = next;
    for (const socket of world.sockets) socket.lose(true);
    link.send({ type: "note", n: 2 });
    on.reset.mockImplementation(() => link.send({ type: "note", n: 3 }));
    await world.clock.advance(1_000);
    expect(on.reset).toHaveBeenCalledTimes(1);
    expect(on.reset.mock.calls[0]![0]).toMatchObject({ type: "welcome", resumed: false });
    expect(on.up).not.toHaveBeenCalled();
    expect(next.heard).toEqual([{ type: "note", n: 3 }]);
    for (const socket of world.sockets) socket.lose(true);
    await world.clock.advance(1_000);
    expect(on.up).toHaveBeenCalledTimes(1);
  });

  test("time that this process stood still is no part of the grace", async () => {
    const { world, on, link } = await connected({ graceMs: 5_000 });
    const { scheduler } = world;
    world.scheduler = undefined;
    for (const socket of world.sockets) socket.lose(true);
    await world.clock.advance(1_000);
    world.clock.jump(75_000);
    await world.clock.advance(500);
    expect(on.lost).not.toHaveBeenCalled();
    world.scheduler = scheduler;
    await world.clock.advance(3_000);
    expect(on.lost).not.toHaveBeenCalled();
    expect(on.up).toHaveBeenCalledTimes(1);
    expect(link.state).toBe("up");
  });

  test("an outage of up to three fifths of the grace is survived, answered by silence or refused", async () => {
    for (const graceMs of [1_000, 5_000, 30_000, 600_000]) {
      for (let seed = 1; seed <= 30; seed += 1) {
        for (const how of ["silent", "refused"] as const) {
          const share = seed / 50;
          const { world, on, link } = await connected({ graceMs }, seed);
          const { scheduler } = world;
          world.latencyMs = Math.min(50, graceMs / 20);
          if (how === "silent") world.silent = true;
          else world.scheduler = undefined;
          for (const socket of world.sockets) socket.lose(true);
          await world.clock.advance(share * graceMs);
          world.silent = false;
          world.scheduler = scheduler;
          await world.clock.advance(graceMs, () => on.up.mock.calls.length > 0);
          const outage = { graceMs, share, how };
          expect({ ...outage, lost: on.lost.mock.calls }).toEqual({ ...outage, lost: [] });
          expect(link.state).toBe("up");
        }
      }
    }
  });

  test("a handshake that takes three tenths of the grace comes about", async () => {
    for (const graceMs of [1_000, 5_000]) {
      for (let seed = 1; seed <= 10; seed += 1) {
        const { world, on, link } = await connected({ graceMs }, seed);
        world.latencyMs = 0.15 * graceMs;
        for (const socket of world.sockets) socket.lose(true);
        await world.clock.advance(graceMs, () => on.up.mock.calls.length > 0);
        expect({ graceMs, seed, state: link.state }).toEqual({ graceMs, seed, state: "up" });
      }
    }
  });

  test("a persistent link goes on with the next scheduler, and what is sent meanwhile arrives", async () => {
    const world = new World();
    world.scheduler = new AcceptingSide({ clock: world.clock, graceMs: 5_000 });
    const { link, on } = await world.dial({ persistent: true });
    link.send({ type: "note", n: 1 });
    await world.clock.advance(10);
    world.scheduler = undefined;
    for (const socket of world.sockets) socket.lose(true);
    link.send({ type: "note", n: 2 });
    await world.clock.advance(6_000);
    expect(on.lost).toHaveBeenCalledTimes(1);
    link.send({ type: "note", n: 3 });
    await world.clock.advance(60_000);
    const next = new AcceptingSide({ clock: world.clock });
    world.scheduler = next;
    await world.clock.advance(5_000);
    expect(on.up).toHaveBeenCalledTimes(1);
    expect(on.reset).not.toHaveBeenCalled();
    expect(next.heard).toEqual([{ type: "note", n: 3 }]);
    expect(next.hellos[0]).not.toHaveProperty("resumes");
    // And again, when the other side ends it in good order.
    void next.links.get("c1")!.close(4000, "the scheduler is shutting down");
    world.scheduler = new AcceptingSide({ clock: world.clock });
    await world.clock.advance(5_000);
    expect([on.lost.mock.calls.length, on.up.mock.calls.length]).toEqual([2, 2]);
    // Closed while it looks for another one, it leaves nothing behind.
    world.scheduler = undefined;
    for (const socket of world.sockets) socket.lose(true);
    await world.clock.advance(60_000);
    void link.close();
    await world.clock.advance(5_000);
    expect(world.clock.pending).toBe(0);
  });

  test("the link is lost after the grace period, with words", async () => {
    const { world, on, link } = await connected({ graceMs: 5_000 });
    world.scheduler = undefined;
    for (const socket of world.sockets) socket.lose(true);
    await world.clock.advance(4_900);
    expect(on.lost).not.toHaveBeenCalled();
    await world.clock.advance(200);
    expect(on.lost).toHaveBeenCalledTimes(1);
    const [error] = on.lost.mock.calls[0]!;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(
      /^The link to the scheduler at ws:\S+ was lost \(closed with code 1006\) and could not be restored within 5 s\. The last attempt: connect ECONNREFUSED/,
    );
    expect(link.state).toBe("ended");
    expect(world.clock.pending).toBe(0);
  });

  test("a scheduler that says goodbye is not dialled again", async () => {
    const { world, scheduler, on } = await connected();
    const attempts = world.attempts;
    void scheduler.links.get("c1")!.close(4000, "the scheduler is shutting down");
    await world.clock.advance(20_000);
    expect(on.lost.mock.calls).toEqual([[new ConnectionError("the scheduler is shutting down")]]);
    expect(on.down).not.toHaveBeenCalled();
    expect(world.attempts).toBe(attempts);
  });

  test("closing ends the dialling, and leaves nothing alive", async () => {
    const { world, on, link } = await connected();
    world.scheduler = undefined;
    for (const socket of world.sockets) socket.lose(true);
    await world.clock.advance(1_000);
    await link.close();
    await world.clock.advance(0);
    expect(world.clock.pending).toBe(0);
    await world.clock.advance(60_000);
    expect(on.lost).not.toHaveBeenCalled();
  });

  test.each([
    new AuthenticationError("The token is not the one of this scheduler."),
    new ProtocolError("the server at this address is not of thence"),
  ])(
    "who listens where the scheduler was, and proves nothing, ends no session (%s)",
    async (error) => {
      const { world, on } = await connected();
      const { scheduler } = world;
      world.scheduler = undefined;
      world.openError = () => error;
      for (const socket of world.sockets) socket.lose(true);
      await world.clock.advance(1_000);
      expect(on.lost).not.toHaveBeenCalled();
      world.scheduler = scheduler;
      await world.clock.advance(5_000);
      expect(on.up).toHaveBeenCalledTimes(1);
    },
  );

  test("a session that nobody knows any more is lost after its grace", async () => {
    const { world, on } = await connected();
    world.scheduler = undefined;
    world.openError = () => new AuthenticationError("The token is not the one of this scheduler.");
    for (const socket of world.sockets) socket.lose(true);
    await world.clock.advance(60_000);
    expect(on.lost.mock.calls[0]![0].message).toMatch(/could not be restored .*is not the one/);
  });
});
