// TLS between real daemons: what passes on the network between them cannot be read, who answers in place of a
// scheduler hears nothing, and the next scheduler on a journal is known by its certificate.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectTo, createServer, type AddressInfo, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";
import { connect as connectByTls, createServer as createTlsConnections } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { splitPin, withoutPin } from "../../src/link/pin.ts";
import { usableAddresses } from "../../src/meeting/address.ts";
import { makeCredentials } from "../../src/meeting/certificate.ts";
import { createTlsServer } from "../../src/meeting/tls-server.ts";
import { reap, thence, type Program } from "../processes.ts";
import { addCleanUp, arithmetic, behaviours, cleanUp, patientMs } from "./daemons.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  file = path.join(folder, "s.json");
});
afterEach(async () => {
  await cleanUp();
  await reap();
  await rm(folder, { recursive: true, force: true });
});

/** An interface of this machine that is not loopback, where there is one. */
const [outside] = Object.entries(networkInterfaces()).flatMap(([name, all]) => {
  const [address] = usableAddresses(all, { internal: false });
  return address === undefined ? [] : [{ name, address }];
});

type Found = { urls: string[]; token: string };

async function startScheduler(...more: string[]): Promise<Found & { program: Program }> {
  const program = thence(["scheduler", "--port", "0", "--scheduler-file", file, ...more]);
  await program.wrote(/connect a worker with/);
  return { program, ...(JSON.parse(await readFile(file, "utf8")) as Found) };
}

async function startWorker(
  where: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const worker = ["worker", "--threads", "1", "--module", arithmetic, "--no-supervise"];
  const program = thence([...worker, ...where], { env });
  await program.wrote(/joined the scheduler/);
  return program;
}

type Tasks = typeof import("../fixtures/arithmetic.ts") &
  typeof import("../fixtures/behaviours.ts");

async function connect(target: string, options: { token?: string; tlsCa?: string } = {}) {
  const client = await Client.connect<Tasks>(target, {
    timeoutMs: patientMs,
    ...options,
  });
  addCleanUp(() => client.close());
  return client;
}

/** A stretch of network on which somebody writes down everything that passes. */
async function tapped(address: string): Promise<{ url: string; heard: () => string }> {
  const chunks: Buffer[] = [];
  const { port } = new URL(address);
  const sockets = new Set<Socket>();
  const tap = createServer((near) => {
    const far = connectTo(Number(port), "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined).on("data", (chunk) => chunks.push(chunk));
      from.pipe(to);
    }
  });
  tap.listen(0, "127.0.0.1");
  await once(tap, "listening");
  addCleanUp(async () => {
    for (const socket of sockets) socket.destroy();
    tap.close();
  });
  return {
    url: address.replace(port, `${(tap.address() as AddressInfo).port}`),
    heard: () => Buffer.concat(chunks).toString("latin1"),
  };
}

describe.each(["on", "off"] as const)("with --tls %s", (tls) => {
  const said = tls === "on" ? "nothing" : "everything but the token";
  test(`${said} can be read on the network`, { timeout: patientMs }, async () => {
    const { urls, token } = await startScheduler("--tls", tls);
    const taps = [await tapped(urls[0]!), await tapped(urls[0]!)] as const;
    // By the address of a tunnel: who answers is known by the certificate, not by the name.
    await startWorker([taps[0].url], { THENCE_TOKEN: token });
    const client = await connect(taps[1].url, { token });
    expect(await client.submit("add", 123_456_789, 1).result()).toBe(123_456_790);
    for (const { heard } of taps) {
      expect(heard().length).toBeGreaterThan(500);
      for (const secret of ["123456789", "123456790", "add", "hello"]) {
        expect(heard().includes(secret), secret).toBe(tls === "off");
      }
      expect(heard()).not.toContain(token);
    }
  });
});

test(
  "large values pass encrypted from worker to worker, and to a client",
  { timeout: patientMs },
  async () => {
    const { urls } = await startScheduler("--tls", "on");
    expect(urls[0]).toMatch(/^wss:.*#sha256=[\da-f]{64}$/);
    for (const name of ["a", "b"]) {
      await startWorker([
        "--scheduler-file",
        file,
        "--tls",
        "on",
        "--name",
        name,
        "--module",
        behaviours,
      ]);
    }
    const client = await connect(file);
    const addresses = (await client.workers()).map(({ address }) => address!);
    const pins = addresses.map((address) => splitPin(address).fingerprint);
    // Each has a certificate of its own.
    expect(new Set([...pins, splitPin(urls[0]!).fingerprint]).size).toBe(3);
    const large = client.with({ workers: ["a"] }).submit("bytes", 5_000_000);
    expect(
      await client
        .with({ workers: ["b"] })
        .submit("sum", large)
        .result(),
    ).toBe(35_000_000);
    expect((await large.result()).length).toBe(5_000_000);
  },
);

describe.skipIf(outside === undefined)("by default", () => {
  test(
    "everything off loopback is encrypted, and nothing on it",
    { timeout: patientMs },
    async () => {
      const { urls } = await startScheduler("--interface", outside!.name);
      expect(urls.map((url) => withoutPin(url))).toEqual([expect.stringMatching(/^wss:/)]);
      await startWorker(["--scheduler-file", file]);
      const client = await connect(file);
      const [worker] = await client.workers();
      // On one machine a worker may be reached by loopback, even so.
      const isLoopback = /127\.0\.0\.1|localhost/.test(worker!.address!);
      expect(worker!.address).toMatch(isLoopback ? /^ws:/ : /^wss:.*\/data#sha256=[\da-f]{64}$/);
      expect(await client.submit("add", 1, 2).result()).toBe(3);
    },
  );

  test(
    "without TLS it is said once what that exposes, and workers follow",
    { timeout: patientMs },
    async () => {
      const { urls, program } = await startScheduler("--interface", outside!.name, "--tls", "off");
      expect(urls[0]).toMatch(/^ws:/);
      const worker = await startWorker(["--scheduler-file", file, "--interface", outside!.name]);
      const client = await connect(file);
      expect((await client.workers())[0]!.address).toMatch(/^ws:/);
      for (const { stderr } of [program, worker]) {
        expect(stderr.match(/TLS is off: whoever is on the network can read/g)).toHaveLength(1);
      }
    },
  );

  test(
    "a worker off loopback is encrypted towards others, whose scheduler is on it",
    { timeout: patientMs },
    async () => {
      await startScheduler();
      await startWorker(["--scheduler-file", file, "--interface", outside!.name]);
      const client = await connect(file);
      expect((await client.workers())[0]!.address).toMatch(/^wss:.*#sha256=/);
    },
  );
});

test("who takes the port of a dead scheduler hears nothing", { timeout: patientMs }, async () => {
  const { urls, token, program } = await startScheduler("--tls", "on");
  const worker = await startWorker([urls[0]!], { THENCE_TOKEN: token });
  await program.end("SIGKILL");
  const requests: unknown[] = [];
  const stranger = createTlsServer({
    credentials: await makeCredentials(),
    handshakeTimeout: 10_000,
  });
  for (const event of ["request", "upgrade"]) {
    stranger.on(event, ({ headers }: IncomingMessage) => requests.push(headers));
  }
  stranger.listen(Number(new URL(urls[0]!).port), "127.0.0.1");
  addCleanUp(async () => void stranger.close());
  await worker.wrote(/somebody else answers there/);
  expect(requests).toEqual([]);
  await worker.end("SIGKILL");
});

test(
  "the next scheduler on a journal has the same certificate, in a file of its owner",
  { timeout: patientMs },
  async () => {
    const journal = path.join(folder, "journal");
    const more = ["--tls", "on", "--journal", journal, "--no-supervise"];
    const first = await startScheduler(...more);
    const { port } = new URL(first.urls[0]!);
    const worker = await startWorker([first.urls[0]!], { THENCE_TOKEN: first.token });
    const client = await connect(first.urls[0]!, { token: first.token });
    const before = client.submit("add", 1, 2);
    expect(await before.result()).toBe(3);
    await first.program.end("SIGKILL");
    const next = await startScheduler(...more, "--port", port);
    expect(next.urls).toEqual(first.urls);
    expect((await stat(path.join(journal, "certificate.pem"))).mode & 0o777).toBe(0o600);
    expect(await client.submit("add", 2, 2).result()).toBe(4);
    expect(worker.isRunning).toBe(true);
  },
);

test("a site's own certificate is known by its authority", { timeout: patientMs }, async () => {
  const { cert, key } = await makeCredentials({ names: ["localhost"] });
  const [certFile, keyFile] = [path.join(folder, "cert.pem"), path.join(folder, "key.pem")];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  const { urls, token } = await startScheduler("--tls-cert", certFile, "--tls-key", keyFile);
  const url = `wss://localhost:${new URL(urls[0]!).port}`;
  await startWorker([url, "--tls-ca", certFile], { THENCE_TOKEN: token });
  const client = await connect(url, { token, tlsCa: certFile });
  expect(await client.submit("add", 1, 2).result()).toBe(3);
  const seen = await thence(["doctor", url, "--tls-ca", certFile, "--timeout", "5s"], {
    env: { THENCE_TOKEN: token },
  }).ended;
  expect(seen.stdout).toMatch(/TLS, with a certificate that is valid for 18\d\d days\n/);
  const viaName = await thence(["status", "--address", url, "--timeout", "1s"], {
    env: { THENCE_TOKEN: token, THENCE_TLS_CA: certFile },
  }).ended;
  expect(viaName.how, viaName.stderr).toBe(0);
  const wrong = `wss://127.0.0.1:${new URL(urls[0]!).port}`;
  const refused = await thence(["status", "--address", wrong, "--timeout", "1s"], {
    env: { THENCE_TOKEN: token, THENCE_TLS_CA: certFile },
  }).ended;
  expect(refused.stderr).toContain("for DNS:localhost, and not for 127.0.0.1");
});

describe("wrong options", () => {
  test.each([
    [["--tls-cert", "c.pem"], "give both --tls-cert and --tls-key"],
    [["--tls-cert", "c.pem", "--tls-key", "k.pem"], "cannot read the certificate"],
    [["--tls-cert", "c.pem", "--tls-key", "k.pem", "--tls", "off"], "--tls off needs no"],
    [["--tls", "maybe"], "Allowed choices are on, off"],
  ])("%s are refused at once", async (options, words) => {
    const { how, stderr } = await thence(["scheduler", "--port", "0", ...options], { cwd: folder })
      .ended;
    expect({ how, stderr }).toEqual({ how: 2, stderr: expect.stringContaining(words) });
  });
});

describe("an address without a fingerprint, and the token", () => {
  test("are enough: the proof covers the certificate", { timeout: patientMs }, async () => {
    const { urls, token } = await startScheduler("--tls", "on");
    const url = withoutPin(urls[0]!);
    await startWorker([url], { THENCE_TOKEN: token });
    const client = await connect(url, { token });
    expect(await client.submit("add", 1, 2).result()).toBe(3);
  });

  test("find out who is in the middle", { timeout: patientMs }, async () => {
    const { urls, token } = await startScheduler("--tls", "on");
    const port = Number(new URL(urls[0]!).port);
    const middle = createTlsConnections({ ...(await makeCredentials()) }, (near) => {
      const far = connectByTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
      near.on("error", () => far.destroy()).pipe(far);
      far.on("error", () => near.destroy()).pipe(near);
    });
    middle.listen(0, "127.0.0.1");
    await once(middle, "listening");
    addCleanUp(async () => void middle.close());
    const url = `wss://127.0.0.1:${(middle.address() as AddressInfo).port}`;
    await expect(Client.connect(url, { token, timeoutMs: 10_000 })).rejects.toThrow(
      "what answers there is not the scheduler: it does not know the token",
    );
  });
});
