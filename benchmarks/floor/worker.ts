// The floor's worker: makes every call in its main thread or, with `--thread`, on one worker thread
// that is handed a whole frame as text and hands the frame of its results back.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { WebSocket } from "ws";
import { answerQuestions } from "../runner/questions.ts";
import { makeCalls } from "./calls.ts";
import { Outbox, read, socketOptions, type Call, type Result } from "./frames.ts";

const [url = "", thread] = process.argv.slice(2);
const socket = new WebSocket(`${url}/worker`, socketOptions);

if (thread === undefined) {
  const toRelay = new Outbox<Result>((text) => {
    socket.send(text);
  });
  socket.on("message", (data) => toRelay.push(makeCalls(read<Call>(data))));
} else {
  const worker = new Worker(new URL("./thread.ts", import.meta.url));
  worker.on("message", (text: string) => {
    socket.send(text);
  });
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- always one Buffer, by default
  socket.on("message", (data) => worker.postMessage(data.toString()));
}

const open = once(socket, "open");
/** Answers when connected. */
answerQuestions(async () => {
  await open;
});
