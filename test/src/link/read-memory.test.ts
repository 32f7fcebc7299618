// The memory of received data that a socket frees: never bytes that are still in use, however the
// network splits the bytes of one message or many.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, expect, test, vi } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { openWebSocket, webSocketOptions } from "../../../src/link/socket-ws.ts";

const server = new WebSocketServer({ ...webSocketOptions, host: "127.0.0.1", port: 0 });
await once(server, "listening");
const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
afterAll(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

async function connected() {
  const accepted = once(server, "connection") as Promise<[WebSocket, IncomingMessage]>;
  const socket = await openWebSocket({ url }, { timeoutMs: 5_000 });
  const [peer, { socket: stream }] = await accepted;
  return { socket, peer, stream: stream as Duplex };
}

const opcodes = { text: 0x1, binary: 0x2, ping: 0x9 } as const;

type Message = {
  readonly kind: keyof typeof opcodes;
  readonly length: number;
  readonly first: number;
  /** The receiver frees the message at once. */
  readonly released: boolean;
};

const messages: fc.Arbitrary<Message> = fc.record({
  kind: fc.constantFrom("binary", "binary", "binary", "text", "ping"),
  length: fc.oneof(fc.nat(200), fc.nat(200_000), fc.constantFrom(0, 125, 126, 65_532, 65_536)),
  first: fc.nat(127),
  released: fc.boolean(),
});

function contentOf({ kind, length, first }: Message): Buffer {
  const bytes = Buffer.alloc(kind === "ping" ? Math.min(length, 125) : length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (first + at * 7) & 127;
  return bytes;
}

/** A frame as a server writes it: unfragmented and without a mask. */
function frameOf(message: Message): Buffer[] {
  const content = contentOf(message);
  const { length } = content;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcodes[message.kind];
  header[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return [header, content];
}

test("nothing that was not given back changes, however the bytes are cut on their way", async () => {
  const some = fc.array(messages, { minLength: 1, maxLength: 25 });
  const cuts = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(some, cuts, fc.boolean(), async (list, sizes, atHeaders) => {
      const { socket, peer, stream } = await connected();
      const pongs: Buffer[] = [];
      peer.on("pong", (data: Buffer) => pongs.push(Buffer.from(data)));
      const heard: (string | Uint8Array)[] = [];
      const said = list.filter(({ kind }) => kind !== "ping");
      socket.listen({
        message(data) {
          const expected = contentOf(said[heard.length]!);
          expect(Buffer.from(data).equals(expected)).toBe(true);
          const { released } = said[heard.length]!;
          heard.push(data);
          if (typeof data !== "string" && released) socket.release!(data);
        },
        wrote() {},
        closed() {},
      });
      socket.resume();
      // A header written alone makes the content of a message start at the start of a read.
      const pieces = atHeaders ? list.flatMap(frameOf) : cutUp(list.flatMap(frameOf), sizes);
      for (const piece of pieces) {
        if (piece.length === 0) continue;
        if (!stream.write(piece)) await once(stream, "drain");
        await setImmediate();
      }
      await vi.waitFor(() => expect(heard).toHaveLength(said.length), 10_000);
      for (const [index, message] of said.entries()) {
        if (message.kind === "text" || message.released) continue;
        expect(Buffer.from(heard[index]!).equals(contentOf(message))).toBe(true);
      }
      const pings = list.filter(({ kind }) => kind === "ping").map(contentOf);
      await vi.waitFor(() => expect(pongs).toEqual(pings), 10_000);
      socket.terminate();
    }),
    { numRuns: 60 },
  );
});

test("a large message that is given back takes no memory any more", async () => {
  const { socket, peer } = await connected();
  const left: number[] = [];
  socket.listen({
    message(data) {
      socket.release!(data as Uint8Array);
      left.push((data as Uint8Array).byteLength);
    },
    wrote() {},
    closed() {},
  });
  socket.resume();
  for (let count = 0; count < 4; count += 1) peer.send(Buffer.alloc(1_000_000, 1));
  await vi.waitFor(() => expect(left).toEqual([0, 0, 0, 0]), 10_000);
  socket.terminate();
});

function cutUp(parts: Buffer[], sizes: readonly number[]): Buffer[] {
  let rest = Buffer.concat(parts);
  const pieces: Buffer[] = [];
  for (let index = 0; rest.length > 0; index += 1) {
    const size = sizes[index % sizes.length]! + 1;
    pieces.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return pieces;
}
