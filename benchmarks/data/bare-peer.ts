// The floor of the data benchmark: one of two processes between which a bare WebSocket carries the
// same bytes, as one message each. The holder answers every question with all it has; the other asks.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { answerQuestions } from "../runner/questions.ts";

const options = { perMessageDeflate: false, maxPayload: 2 ** 31 - 1 };
const held = new Float64Array(Number(process.argv[2])).fill(1.5);
const server = new WebSocketServer({ ...options, host: "127.0.0.1", port: 0 });
const listening = once(server, "listening");
server.on("connection", (socket) => {
  socket.on("message", () => socket.send(held));
});
let asking: Promise<WebSocket> | undefined;

/** Without a port: its own. With one: how long it took to get the bytes from there. */
answerQuestions<{ port?: number }>(async ({ port }) => {
  await listening;
  if (port === undefined) return (server.address() as AddressInfo).port;
  asking ??= connect(port);
  const socket = await asking;
  const start = performance.now();
  socket.send("all");
  const [data] = (await once(socket, "message")) as [Buffer];
  const aligned = data.byteOffset % 8 === 0 ? data : Buffer.from(data);
  const got = new Float64Array(aligned.buffer, aligned.byteOffset, data.byteLength / 8);
  if (got.length !== held.length || got.at(-1) !== 1.5) throw new Error("other bytes came");
  return performance.now() - start;
});

async function connect(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { ...options, generateMask() {} });
  await once(socket, "open");
  return socket;
}
