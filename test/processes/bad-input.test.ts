// Whoever says something wrong is told what, and only they: wrong calls, wrong modules, wrong doors,
// and peers that break the protocol, while another client's work goes on in the same scheduler.

import { createServer } from "node:net";
import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { AuthenticationError, Client, ConnectionError } from "../../src/index.ts";
import { SerializationError, UnknownTaskError, type Future } from "../../src/index.ts";
import { root, thence, type Program } from "../processes.ts";
import { arithmetic, behaviours, cleanUp, connect, patientMs, tasks } from "./daemons.ts";
import { startScheduler, startWorker, type Scheduler } from "./daemons.ts";
import { gateAt, openGate } from "./fixtures/traces.ts";
import { RawPeer, clientHello, workerHello } from "./raw-peer.ts";

type Tasks = typeof import("./fixtures/tasks.ts") & typeof import("../fixtures/behaviours.ts");

let scheduler: Scheduler;
let worker: Program;
let bystander: Client<Tasks>;
/** Runs from before the first wrong word until after the last. */
let pending: Future<number>;
beforeAll(async () => {
  scheduler = await startScheduler({ core: { unknownTaskTimeoutMs: 100 } });
  worker = await startWorker(scheduler, {
    name: "one",
    modules: [tasks, behaviours],
    threads: 2,
  });
  bystander = await connect<Tasks>(scheduler);
  pending = bystander.submit("double", scheduler.folder, gateAt);
}, patientMs);

afterAll(async () => {
  try {
    // Nobody else was touched by any of this.
    expect(pending.done).toBe(false);
    openGate(scheduler.folder);
    expect(await pending.result({ timeoutMs: patientMs })).toBe(2 * gateAt);
    expect(await bystander.workers()).toMatchObject([{ name: "one", pid: worker.pid }]);
    expect(scheduler.program.isRunning).toBe(true);
    // Workers of wrong modules say why they do not start.
    const log = scheduler.program.stderr.replace(/^.* error .* could not start: .*$/gm, "");
    expect(log).not.toMatch(/dropped|one (lost|was lost|came back)|error/);
  } finally {
    await cleanUp();
  }
}, patientMs);

async function expectWorkGoesOn(): Promise<void> {
  expect(await bystander.submit("add", 1, 10).result({ timeoutMs: patientMs })).toBe(11);
}

describe("a call", () => {
  test("of an unknown name fails with the nearest that is known", async () => {
    const error = await (bystander as Client).submit("ad", 1, 10).exception();
    expect(error).toBeInstanceOf(UnknownTaskError);
    expect((error as Error).message).toBe(
      'no worker has registered a function "ad"; did you mean "add"?',
    );
    await expectWorkGoesOn();
  });

  test("with an argument that cannot be encoded is refused at once, with the place", async () => {
    const call = () => bystander.submit("echo", { rows: [1, { callback: () => 1 }] });
    expect(call).toThrow(SerializationError);
    expect(call).toThrow("argument[0].rows[1].callback");
    await expectWorkGoesOn();
  });

  test("with a result that cannot be encoded fails with the place, and is not tried again", async () => {
    const future = bystander.with({ retries: 3 }).submit("unsendable");
    const error = await future.exception();
    expect(error).toBeInstanceOf(SerializationError);
    expect((error as Error).message).toContain("result.rows[1].callback");
    expect((await bystander.explain(future)).attempt).toBe(1);
    await expectWorkGoesOn();
  });
});

describe("a worker does not start", () => {
  const fixture = (file: string) => path.join(root, "test", "fixtures", file);
  test.concurrent.each<[what: string, modules: string[], words: string[]]>([
    ["does not load", [fixture("modules/broken.ts")], ["does not load", "no licence found"]],
    ["is not there", [fixture("absent.ts")], ["does not load", "no such file"]],
    ["exports no function", [fixture("modules/constants.ts")], ["exports no function"]],
    [
      "exports a name that another does",
      [arithmetic, fixture("modules/more-arithmetic.ts")],
      ['export "add"', "--module somename="],
    ],
  ])(
    "with a module that %s: it ends with 2, and says the file and the cause",
    async (_, modules, words) => {
      const { how, stderr } = await thence([
        ...["worker", "--scheduler-file", scheduler.file],
        ...modules.flatMap((module) => ["--module", module]),
      ]).ended;
      expect(how, stderr).toBe(2);
      for (const word of [...modules, ...words]) expect(stderr).toContain(word);
      expect(stderr).not.toContain("joined");
    },
    patientMs,
  );
});

describe("at the door", () => {
  test("a wrong token is refused at once, with what to do", async () => {
    const connecting = Client.connect(scheduler.url, { token: "not-this-one" });
    const error: unknown = await connecting.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect((error as Error).message).toBe(
      `Give the token of the scheduler, ${scheduler.url}: ` +
        "The token is not the one of this scheduler, or what answers there is not the scheduler: " +
        "it does not know the token.",
    );
  });

  test("what could not be a token is refused before anything is tried", async () => {
    const connecting = Client.connect("ws://127.0.0.1:1", { token: "of two words" });
    await expect(connecting).rejects.toThrow("printable ASCII characters without spaces");
  });

  test.each<[who: string, headers: Record<string, string>, status: number, words: RegExp]>([
    [
      "program that shows a token, as older versions did",
      { authorization: "Bearer x" },
      401,
      /same version/,
    ],
    [
      "browser page of another origin",
      { origin: "https://example.org" },
      403,
      /Web pages of another/,
    ],
  ])("a %s is turned away with words", async (_, headers, status, words) => {
    const webSocket = new WebSocket(scheduler.url, { headers });
    webSocket.on("error", () => undefined);
    const [, response] = await once(webSocket, "unexpected-response");
    let body = "";
    for await (const text of response.setEncoding("utf8")) body += text;
    expect(response.statusCode).toBe(status);
    expect(body).toMatch(words);
    await expectWorkGoesOn();
  });

  test("an address that nobody answers: what was tried, for how long, and what to check", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    const url = `ws://127.0.0.1:${port}`;
    const connecting = Client.connect(url, { token: "any", timeoutMs: 300 });
    const error: unknown = await connecting.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConnectionError);
    const { message } = error as Error;
    expect(message).toMatch(
      /^Check that the scheduler is running, and that this machine can reach/,
    );
    expect(message).toContain(`no connection to ${url}`);
    expect(message).toContain("within 0.3 s");
    expect(message).toContain("ECONNREFUSED");
  });
});

const submit = { type: "submit", name: "add", keys: ["a"], args: ["[1,2]"] };
const finished = { type: "finished", keys: ["a"], attempts: [1], values: ["3"], micros: [1] };

describe("a peer that says wrong things first is refused with words", () => {
  test.each<[what: string, said: object | string | Uint8Array, code: string, words: string]>([
    ["another version", { ...clientHello, protocol: 99 }, "version", "speaks version 99 of the"],
    ["a frame before the hello", [0, submit], "malformed", "the first message must be a hello"],
    ["what is not JSON", "hello", "malformed", "the first message must be a hello"],
    ["a binary message", new Uint8Array(8), "malformed", "the first message must be a hello"],
    ["a role that is none", { ...clientHello, role: "boss" }, "malformed", '"boss" is not a role'],
    ["a hello without an id", { ...clientHello, id: undefined }, "malformed", "id"],
    ["a worker without functions", { ...workerHello, functions: [] }, "malformed", "functions"],
    [
      "another scheduler's id",
      { ...clientHello, scheduler: "other" },
      "stale",
      "belongs to an earlier one",
    ],
    ["a name that is taken", { ...workerHello, name: "one" }, "taken", "choose another --name"],
    ["a hello of 5 MiB", { ...clientHello, name: "x".repeat(5 << 20) }, "malformed", "4194304"],
  ])("%s", async (_, said, code, words) => {
    const peer = await RawPeer.connect(scheduler);
    peer.send(said);
    const closed = await peer.closed;
    expect(closed.code).toBe(4001);
    expect(peer.received).toMatchObject([{ type: "refused", code }]);
    expect((peer.received[0] as { message: string }).message).toContain(words);
    await expectWorkGoesOn();
  });
});

describe("a peer that breaks the protocol is told how, and cut off", () => {
  test.each<[what: string, frame: unknown, words: string]>([
    ["worker messages of a client", [0, finished], '"finished" is not a type known here'],
    ["what is not JSON", "[0,", "a frame is not JSON"],
    ["what is not a frame", { ack: 0 }, "a frame is not an array"],
    ["no acknowledgement", [submit], "a frame does not begin with an acknowledgement"],
    ["acknowledging what was never sent", [9], "acknowledges 9 messages where 0 to"],
    ["a message that is none", [0, null], "not a message"],
    ["an unknown message", [0, { type: "boom" }], '"boom" is not a type known here'],
    ["a missing field", [0, { ...submit, args: undefined }], '"submit"'],
    ["a wrong type", [0, { ...submit, args: [1] }], '"submit".args.0'],
    ["columns of two lengths", [0, { ...submit, keys: ["a", "b"] }], "2 keys but 1 args"],
    ["a number out of range", [0, { ...submit, options: { priority: 1e12 } }], "options.priority"],
    [
      "a resource that is no number",
      [0, { ...submit, options: { resources: { "a\nb": "x" } } }],
      "options.resources",
    ],
    ["a binary frame without text", new Uint8Array(4), "shorter than its header"],
    ["a binary frame that lies", Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0), "shorter than its"],
    [
      "parts that are not there",
      binaryFrame(
        '[0,[8],{"type":"submit","name":"add","keys":["a"],"args":[{"head":"","first":1,"count":1}]}]',
        8,
      ),
      "refers to part 2 of a frame that has 1",
    ],
    ["errors within errors", deepError(100_000), '"failed"'],
  ])("%s", async (what, frame, words) => {
    const isWorker = what === "errors within errors";
    const peer = await RawPeer.connect(scheduler);
    const answer = await peer.welcomed(isWorker ? workerHello : clientHello);
    expect(answer).toMatchObject({ type: "welcome", resumed: false });
    peer.send(frame as object);
    const closed = await peer.closed;
    expect(closed.code).toBe(4002);
    expect(closed.reason).toContain(words);
    await expectWorkGoesOn();
  });

  test("client messages of a worker", async () => {
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed(workerHello);
    peer.send([0, submit]);
    expect(await peer.closed).toEqual({
      code: 4002,
      reason: '"submit" is not a type known here',
    });
    await expect
      .poll(async () => (await bystander.workers()).map(({ name }) => name))
      .toEqual(["one"]);
  });

  test.each<[what: string, bytes: number[], code: number]>([
    // The header of a binary message of 256 MiB and a byte, masked; the rest need not be sent.
    ["too large", [0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 1, 0, 0, 0, 0], 1009],
    ["no UTF-8", [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
    ["compressed unasked", [0xc1, 0x81, 0, 0, 0, 0, 0x5b], 1002],
    ["not masked", [0x81, 0x01, 0x5b], 1002],
  ])("a WebSocket frame that is %s", async (_, bytes, code) => {
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed(clientHello);
    peer.sendBytes(Uint8Array.from(bytes));
    expect((await peer.closed).code).toBe(code);
    await expectWorkGoesOn();
  });

  test("what was right before it counts, and is let go of with the peer", async () => {
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed(clientHello);
    const before = await bystander.info();
    peer.send([0, submit]);
    expect(await peer.heard("finished")).toMatchObject({ keys: ["a"], values: ["3"] });
    peer.send("nonsense");
    await peer.closed;
    await expect.poll(() => bystander.info()).toMatchObject({ tasks: before.tasks, clients: 1 });
  });
});

function binaryFrame(text: string, partBytes: number): Uint8Array {
  const frame = Buffer.alloc(((4 + text.length + 7) & ~7) + partBytes);
  frame.writeUInt32LE(text.length, 0);
  frame.write(text, 4);
  return frame;
}

/** Text, for `JSON.stringify` could not make it. */
function deepError(depth: number): string {
  const open = '{"name":"Error","message":"","cause":'.repeat(depth);
  const error = `${open}{"name":"Error","message":""}${"}".repeat(depth)}`;
  return `[0,{"type":"failed","key":"a","attempt":1,"failure":{"code":"x","message":"","error":${error}}}]`;
}
