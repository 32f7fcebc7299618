// A client over a real link whose sockets are cut: what it submitted is heard once, what it awaits
// comes, and when its scheduler has forgotten it, it says so.

import { afterEach, describe, expect, test } from "vitest";
import { Client } from "../../client/client.ts";
import { awaitHello, welcome } from "../../src/link/accept.ts";
import { checkFromClient } from "../../src/wire/check.ts";
import { ConnectionError, SerializationError } from "../../src/errors/errors.ts";
import { Link } from "../../src/link/link.ts";
import type { FromClient, ToClient } from "../../src/wire/protocol.ts";
import { cut, memorySocketPair, type MemorySocket } from "../src/link/socket-memory.ts";

/** A scheduler that adds up the arguments of every call, over sockets in memory. */
class Adder {
  readonly calls: string[] = [];
  readonly kinds: string[] = [];
  frameBytes = 1024 * 1024;
  connections = 0;
  /** Answers are held back while set. */
  silent = false;
  #links = new Map<string, Link<FromClient, ToClient>>();
  #pair: [MemorySocket, MemorySocket] | undefined;

  async connect(): Promise<Client> {
    const client = await Client.open({
      target: () => Promise.resolve({ url: "memory:", token: undefined }),
      describeTarget: "memory",
      timeoutMs: 5_000,
      open: () => {
        this.#pair = memorySocketPair();
        void this.#accept(this.#pair[1]);
        return Promise.resolve(this.#pair[0]);
      },
    });
    clients.push(client);
    return client;
  }

  cut(): void {
    if (this.#pair) cut(this.#pair);
  }

  /** Says goodbye to everybody; who comes afterwards is welcome. */
  async end(reason: string): Promise<void> {
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close(undefined, reason)));
  }

  forgetEverybody(): void {
    this.#links.clear();
  }

  async #accept(socket: MemorySocket): Promise<void> {
    const hello = await awaitHello(socket);
    if (hello === undefined) return;
    this.connections++;
    const known = this.#links.get(hello.id);
    const resumed = hello.resumes === "adder" && (known?.canResume(hello.received) ?? false);
    const link = resumed ? known! : this.#newLink();
    this.#links.set(hello.id, link);
    welcome(socket, {
      scheduler: "adder",
      resumed,
      received: link.received,
      heartbeatMs: 1_000,
      graceMs: 5_000,
      smallResultBytes: 1_000,
      frameBytes: this.frameBytes,
    });
    link.attach(socket, resumed ? hello.received : 0);
  }

  #newLink(): Link<FromClient, ToClient> {
    const link: Link<FromClient, ToClient> = new Link({
      check: checkFromClient,
      heartbeatMs: 1_000,
      on: {
        messages: (batch) => {
          for (const message of batch) {
            this.kinds.push(message.type);
            if (message.type === "submit") this.#add(link, message.keys, message.args);
          }
        },
        down: () => undefined,
        ended: () => undefined,
      },
    });
    return link;
  }

  #add(link: Link<FromClient, ToClient>, keys: string[], args: unknown[]): void {
    this.calls.push(...keys);
    if (this.silent) return;
    const sums = args.map((payload) => {
      const numbers = JSON.parse(String(payload)) as number[];
      return JSON.stringify(numbers.reduce((sum, each) => sum + each, 0));
    });
    link.send({ type: "finished", keys, values: sums });
  }
}

const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

describe("over a link", () => {
  test("many calls come back, each from its own", async () => {
    const client = await new Adder().connect();
    const xs = Array.from({ length: 5_000 }, (_, x) => x);
    const sums = await client.gather(client.map("add", xs, xs));
    expect(sums).toEqual(xs.map((x) => 2 * x));
  });

  test("that is cut again and again nothing is lost, and no call is heard twice", async () => {
    const adder = new Adder();
    const client = await adder.connect();
    const futures = [client.submit("add", 1, 2)];
    expect(await futures[0]!.result()).toBe(3);
    for (let round = 0; round < 5; round++) {
      futures.push(
        ...client.map("add", Array.from({ length: 500 }).fill(round), [...Array(500).keys()]),
      );
      await new Promise(setImmediate);
      adder.cut();
      futures.push(client.submit("add", round, 1_000));
      await futures.at(-1)!.result();
    }
    const sums = await client.gather(futures);
    expect(sums).toHaveLength(1 + 5 * 501);
    expect(sums.slice(502, 504)).toEqual([1, 2]);
    expect(new Set(adder.calls).size).toBe(adder.calls.length);
    expect(adder.calls).toHaveLength(sums.length);
    expect(adder.connections).toBeGreaterThan(5);
  });

  test("to a scheduler that has forgotten it, open futures fail and say what to do", async () => {
    const adder = new Adder();
    adder.silent = true;
    const client = await adder.connect();
    const future = client.submit("add", 1, 2);
    const waiting = future.result();
    adder.forgetEverybody();
    adder.cut();
    await expect(waiting).rejects.toThrow(ConnectionError);
    await expect(waiting).rejects.toThrow(/submit again/);
    expect(future.status).toBe("lost");
    adder.silent = false;
    expect(await client.submit("add", 1, 2).result()).toBe(3);
  });

  test("a scheduler that ended is waited for, and the same client goes on with the next", async () => {
    const adder = new Adder();
    adder.silent = true;
    const client = await adder.connect();
    const future = client.submit("add", 1, 2);
    const failing = expect(future.result()).rejects.toThrow(/^submit again: it ends$/);
    await adder.end("it ends");
    await failing;
    expect(future.status).toBe("lost");
    const meanwhile = client.submit("add", 2, 3);
    adder.silent = false;
    expect(await meanwhile.result()).toBe(5);
    expect(await client.submit("add", 3, 4).result()).toBe(7);
  });

  test("a call larger than a frame fails alone", async () => {
    const adder = new Adder();
    adder.frameBytes = 200_000;
    const client = await adder.connect();
    const large = client.submit("add", "x".repeat(300_000));
    const small = client.submit("add", 1, 2);
    expect(await small.result()).toBe(3);
    await expect(large.result()).rejects.toThrow(SerializationError);
    expect(adder.calls).toEqual([small.key]);
  });

  test("what was queued leaves before it is closed", async () => {
    const adder = new Adder();
    const client = await adder.connect();
    client.fireAndForget(client.submit("add", 1, 2));
    await client.close();
    expect(adder.kinds).toEqual(["submit", "detach"]);
  });
});
