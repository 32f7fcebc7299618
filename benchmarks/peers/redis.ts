// A Redis for one session: on a free port of the loopback, nothing kept on disk.

import { spawn } from "node:child_process";
import { connect, createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { programEnvironment, programPath } from "./install/debian.ts";
import type { ProcessTree } from "./process-tree.ts";

const LISTEN_WITHIN_MS = 10_000;

/** Resolves with its URL when it listens. */
export async function startRedis(
  directory: string,
  tree: ProcessTree,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const program = programPath("redis-server");
  if (program === undefined) throw new Error("There is no redis-server.");
  const port = await freePort();
  const settings = {
    "--bind": "127.0.0.1",
    "--port": String(port),
    "--dir": directory,
    "--save": "",
    "--appendonly": "no",
    "--maxmemory-policy": "noeviction",
  };
  const child = spawn(program, Object.entries(settings).flat(), {
    detached: true,
    env: { ...env, LD_LIBRARY_PATH: programEnvironment()["LD_LIBRARY_PATH"] },
    stdio: "ignore",
  });
  let failed: Error | undefined;
  child.once("error", (error) => (failed = error));
  if (child.pid !== undefined) tree.add(child.pid);
  for (const until = performance.now() + LISTEN_WITHIN_MS; !(await listens(port));) {
    if (failed !== undefined) throw failed;
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}.`);
    if (performance.now() > until) throw new Error("redis-server does not listen.");
    await delay(2);
  }
  return `redis://127.0.0.1:${port}/0`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
