// A cluster in a network of its own, and a program outside that reaches one port of it through a tunnel.
// Needs network namespaces; where they are not allowed, the test is skipped with a message.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect as connectTo, createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { command, Program, reap, root, thence } from "../processes.ts";

const namespace = `thence-${process.pid}`;
const why = whyNoNamespaces();
if (why !== undefined) console.warn(`The test through a tunnel is skipped: ${why}`);

/** Why there can be no network namespaces, in words; undefined when there can. */
function whyNoNamespaces(): string | undefined {
  try {
    createNamespace();
    deleteNamespace();
    return undefined;
  } catch (error) {
    deleteNamespace();
    return (error as Error).message.trim();
  }
}

function createNamespace(): void {
  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });
  ip("netns", "add", namespace);
  ip("-n", namespace, "link", "set", "lo", "up");
  ip("-n", namespace, "link", "add", "ib0", "type", "veth", "peer", "name", "far0");
  ip("-n", namespace, "addr", "add", "10.77.0.1/24", "dev", "ib0");
  for (const end of ["ib0", "far0"]) ip("-n", namespace, "link", "set", end, "up");
}

function deleteNamespace(): void {
  if (!existsSync(`/run/netns/${namespace}`)) return;
  execFileSync("ip", ["netns", "del", namespace]);
}

describe.skipIf(why !== undefined)("through one port of a cluster", () => {
  let folder: string;
  let file: string;
  let tunnel: Server;
  let url: string;
  let connections = 0;

  const inside = (...args: string[]): Program =>
    new Program("ip", ["netns", "exec", namespace, process.execPath, ...args], {});

  beforeAll(async () => {
    createNamespace();
    folder = await mkdtemp(path.join(tmpdir(), "thence-tunnel-"));
    file = path.join(folder, "scheduler.json");
    const where = ["--interface", "ib0", "--scheduler-file", file];
    await inside(command, "scheduler", "--port", "0", ...where).wrote(/listening on/);
    const modules = ["behaviours.ts", "arithmetic.ts"].flatMap((name) => [
      "--module",
      path.join(root, "test", "fixtures", name),
    ]);
    const worker = ["worker", "--no-supervise", "--threads", "1", ...where, ...modules];
    await inside(command, ...worker, "--name", "one").wrote(/joined the scheduler/);

    const { urls } = JSON.parse(await readFile(file, "utf8")) as { urls: [string] };
    const { hostname, port } = new URL(urls[0]);
    expect(hostname).toBe("10.77.0.1");
    const socket = path.join(folder, "tunnel");
    const end = path.join(root, "test", "processes", "fixtures", "tunnel-end.ts");
    await inside(end, socket, hostname, port).wrote(/the tunnel is open/);
    tunnel = createServer((near) => {
      connections++;
      pipeline(near, connectTo(socket), near, () => undefined);
    }).listen(0, "127.0.0.1");
    await once(tunnel, "listening");
    url = `wss://127.0.0.1:${(tunnel.address() as AddressInfo).port}`;
  }, 60_000);

  afterAll(async () => {
    await reap();
    tunnel?.close();
    if (folder) await rm(folder, { recursive: true });
    deleteNamespace();
  });

  test("a command has the token of the copied scheduler file, and another address", async () => {
    const { how, stdout } = await thence([...["status", "--address", url, "--token-file", file]])
      .ended;
    expect(how).toBe(0);
    expect(stdout).toContain("one");
  });

  test("large results and scattered values come and go, without waiting for workers", async () => {
    const client = await Client.connect(url, { tokenFile: file });
    try {
      const length = 50_000_000;
      const startedAt = performance.now();
      const value = (await client.submit("bytes", length).result()) as Uint8Array;
      expect([value.length, value[length - 1]]).toEqual([length, 7]);
      const scattered = await client.scatter(new Uint8Array(length).fill(1));
      expect(await client.whoHas([scattered])).toEqual({ [scattered.key]: ["one"] });
      const back = (await client.submit("echo", scattered).result()) as Uint8Array;
      expect([back.length, back[0]]).toEqual([length, 1]);
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      expect(connections).toBeGreaterThan(1);
    } finally {
      await client.close();
    }
  });

  test("the file alone says which address cannot be reached", async () => {
    const connecting = Client.connect(file, { timeoutMs: 1_000 });
    await expect(connecting).rejects.toThrow("10.77.0.1");
  });
});
