// The floor's relay, between one client and one worker. It reads every call, as whoever places calls
// must, and keeps nothing: no types, no graph, no faults handled.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { answerQuestions } from "../runner/questions.ts";
import { Outbox, read, type Call, type Result } from "./frames.ts";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
const listening = once(server, "listening");

let client: WebSocket | undefined;
let worker: WebSocket | undefined;
const toClient = new Outbox<Result>((text) => client?.send(text));
const toWorker = new Outbox<Call>((text) => worker?.send(text));

server.on("connection", (socket, request) => {
  if (request.url === "/worker") {
    worker = socket;
    socket.on("message", (data) => toClient.push(read<Result>(data)));
  } else {
    client = socket;
    socket.on("message", (data) => toWorker.push(read<Call>(data)));
  }
});

/** Answers with the port. */
answerQuestions(async () => {
  await listening;
  return (server.address() as AddressInfo).port;
});
