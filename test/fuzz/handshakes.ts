// Handshakes over TCP, of strangers and of peers with the token: requests that are no HTTP, or are cut, or lack
// what they need; and after an upgrade, frames that break the rules of WebSocket.

import { connect, type Socket } from "node:net";
import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import type { Random } from "../processes/random.ts";
import { provenWebSocket } from "../proven.ts";

export type Port = {
  readonly port: number;
  readonly paths: readonly string[];
  readonly token: string;
};

/** The request that opens a WebSocket, line by line. */
function opening({ port }: Port, path: string): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
  ];
}

const otherLines = [
  "Host: evil.example",
  "Host:",
  "Host: a b",
  "Origin: http://evil.example",
  "Origin: null",
  "Authorization: Bearer wrong",
  "Authorization: Basic eDp5",
  `Authorization: Bearer ${"x".repeat(20_000)}`,
  "Sec-WebSocket-Key: short",
  "Sec-WebSocket-Version: 99",
  "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99",
  "Sec-WebSocket-Protocol: \u00e9, a, a",
  "Content-Length: 5",
  "Content-Length: -1",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked, identity",
  "Expect: 100-continue",
  "Connection: close",
  "__proto__: x",
  " folded: line",
  "no colon",
  "\u0000: zero",
];
const requestLines = [
  "GET / HTTP/1.1",
  "GET / HTTP/9.9",
  "GET /data HTTP/1.0",
  "CONNECT x:1 HTTP/1.1",
  "POST /health HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "GET //../../etc/passwd?%00 HTTP/1.1",
  "GET http://[::1/ HTTP/1.1",
  `GET /${"a".repeat(20_000)} HTTP/1.1`,
  "PRI * HTTP/2.0",
  "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
  "",
];

/** One connection, from the first byte to its end. Resolves with how many handshakes and frames it was. */
export async function assail(target: Port, random: Random): Promise<number> {
  if (random.chance(0.25)) return assailProven(target, random);
  const socket = connect({ port: target.port, host: "127.0.0.1" });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  // Resets are part of it.
  socket.on("error", () => undefined);
  let answer = "";
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      if (answer.length < 1_000) answer += data.toString("latin1");
      resolve();
    });
    void closed.then(resolve);
  });
  const whole = random.chance(0.3);
  const lines = opening(target, random.pick(target.paths));
  for (let times = whole ? 0 : 1 + random.below(3); times > 0; times -= 1)
    spoilLines(lines, random);
  const request = `${lines.join(random.chance(0.95) ? "\r\n" : "\n")}\r\n\r\n`;
  let count = 1;
  if (!whole && random.chance(0.3)) {
    // It is cut anywhere, and nothing follows.
    await written(socket, Buffer.from(request.slice(0, random.below(request.length)), "latin1"));
  } else if (random.chance(0.1)) {
    // Frames come with the request, before its answer.
    await written(socket, Buffer.concat([Buffer.from(request, "latin1"), frame(random)]));
    await answered;
  } else {
    await written(socket, Buffer.from(request, "latin1"));
    await answered;
    if (answer.startsWith("HTTP/1.1 101")) count += await writeFrames(socket, random);
  }
  await end(socket, closed, random);
  return count;
}

/** The same by a peer that has proved the token. */
async function assailProven(target: Port, random: Random): Promise<number> {
  const path = random.pick(target.paths.filter((each) => each === "/" || each === "/data"));
  const url = `ws://127.0.0.1:${target.port}${path}`;
  const webSocket = await provenWebSocket(url, target.token);
  webSocket.on("error", () => undefined);
  const { _socket: socket } = webSocket as unknown as { _socket: Socket };
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const count = 1 + (await writeFrames(socket, random));
  await end(socket, closed, random);
  return count;
}

async function writeFrames(socket: Socket, random: Random): Promise<number> {
  const count = 1 + random.below(12);
  for (let left = count; left > 0; left -= 1) {
    const bytes = frame(random);
    const cut = random.chance(0.1) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
    await written(socket, cut);
  }
  return count;
}

async function end(socket: Socket, closed: Promise<void>, random: Random): Promise<void> {
  if (random.chance(0.5)) socket.resetAndDestroy();
  else socket.end(() => socket.destroySoon());
  // Whoever does not close in its turn is not waited for: it has its own deadline.
  const impatience = setTimeout(() => socket.destroy(), 200);
  await closed;
  clearTimeout(impatience);
}

function spoilLines(lines: string[], random: Random): void {
  const at = random.below(lines.length);
  switch (random.below(6)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(1 + random.below(lines.length), 0, random.pick(otherLines));
      break;
    case 2:
      lines[0] = random.pick(requestLines);
      break;
    case 3:
      lines.push(lines[at] ?? "");
      break;
    case 4: {
      const name = (lines[at] ?? "").split(":")[0];
      const other = otherLines.find((line) => line.startsWith(`${name}:`));
      if (other !== undefined) lines[at] = other;
      else lines.splice(at, 0, ...random.several(1, 200, () => "X-Many: x"));
      break;
    }
    default: {
      const line = lines[at] ?? "";
      const middle = random.below(line.length + 1);
      const odd = String.fromCharCode(random.below(256));
      lines[at] = line.slice(0, middle) + odd + line.slice(middle + 1);
    }
  }
}

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const [nonce, proof] = ["n".repeat(22), "p".repeat(43)];
const challenge = { type: "challenge", protocol: PROTOCOL_VERSION, right: "full", nonce };
const texts = [
  "[0]",
  "{}",
  '{"type":"hello"}',
  '{"type":"get","id":1}',
  "\u0000",
  "[".repeat(300),
  JSON.stringify(challenge),
  JSON.stringify(challenge),
  JSON.stringify({ ...challenge, right: "view" }),
  JSON.stringify({ ...challenge, right: "__proto__" }),
  JSON.stringify({ ...challenge, protocol: 1 }),
  JSON.stringify({ ...challenge, nonce: "n".repeat(60_000) }),
  JSON.stringify({ type: "proof", proof }),
  JSON.stringify({ type: "proof", nonce, proof: 1 }),
];

/** A frame of WebSocket, right or wrong in some way. */
function frame(random: Random): Buffer {
  const opcode = random.chance(0.9) ? random.pick(Object.values(opcodes)) : random.below(16);
  const isControl = opcode >= 8;
  let payload: Buffer;
  if (opcode === opcodes.close && random.chance(0.7)) {
    payload = Buffer.alloc(random.below(4) + 1, 0xff);
    if (payload.length >= 2)
      payload.writeUInt16BE(random.pick([1000, 1005, 999, 4000, 4002, 65_535]));
  } else if (opcode === opcodes.text) {
    payload = random.chance(0.9) ? Buffer.from(random.pick(texts)) : Buffer.from([0xc3, 0x28]);
  } else {
    payload = Buffer.alloc(random.below(isControl && random.chance(0.9) ? 126 : 3_000), 0x31);
  }
  const fin = random.chance(0.8) ? 0x80 : 0;
  const reserved = random.chance(0.95) ? 0 : random.pick([0x40, 0x20, 0x10]);
  const masked = random.chance(0.95) ? 0x80 : 0;
  const mask = Buffer.from(random.several(4, 4, () => random.below(random.chance(0.5) ? 1 : 256)));
  const claimed = claimedLength(payload.length, masked, random);
  const hidden = masked ? payload.map((byte, index) => byte ^ mask[index % 4]!) : payload;
  const head = Buffer.from([fin | reserved | opcode]);
  return Buffer.concat([head, claimed, masked ? mask : Buffer.alloc(0), hidden]);
}

function claimedLength(length: number, masked: number, random: Random): Buffer {
  if (random.chance(0.03)) {
    const huge = Buffer.alloc(9, 0xff);
    huge[0] = masked | 127;
    return huge;
  }
  if (length < 126 && random.chance(0.95)) return Buffer.from([masked | length]);
  if (length > 0xffff) {
    const long = Buffer.alloc(9);
    long[0] = masked | 127;
    long.writeBigUInt64BE(BigInt(length), 1);
    return long;
  }
  const medium = Buffer.from([masked | 126, 0, 0]);
  medium.writeUInt16BE(length, 1);
  return medium;
}

function written(socket: Socket, bytes: Buffer): Promise<void> {
  // Errors are seen by the close.
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.write(bytes, () => resolve());
  });
}
